import type { HerdSpec } from './herd-spec.js'
import { NAME_PATTERN, RESERVED_DATABASES } from './names.js'
import { nodeNames } from './node-names.js'
import { refuseSetting } from './setting-rules.js'
import { type FieldProblem, showValue } from './spec-path.js'

const LAST_PORT = 65_535

/**
 * What is wrong with a spec whose fields are each right by themselves. `written` says of each group where
 * in the list of the file it comes from.
 */
export function compareFields(spec: HerdSpec, written: readonly number[]): FieldProblem[] {
  return [
    ...reservedDatabase(spec),
    ...repeatedGroups(spec, written),
    ...overlongGroups(spec, written),
    ...portsThatDoNotFit(spec),
    ...portsTwice(spec),
    ...hastyProbes(spec),
    ...refusedSettings(spec),
    ...tooFewSenders(spec),
  ]
}

function reservedDatabase({ database }: HerdSpec): FieldProblem[] {
  if (!RESERVED_DATABASES.includes(database)) return []
  const message = `database cannot be "${database}", which PostgreSQL keeps for itself; choose another name`
  return [{ path: ['database'], at: 'value', message }]
}

function repeatedGroups({ groups }: HerdSpec, written: readonly number[]): FieldProblem[] {
  return groups.flatMap(({ name }, index) => {
    const first = groups.findIndex((group) => group.name === name)
    if (first === index) return []
    const at = written[index] as number
    const numbered = written.filter((each) => each === at).length > 1
    const says = numbered ? `groups[${at}] makes a group "${name}"` : `groups[${at}].name is "${name}"`
    const message = `${says}, which is the name of groups[${written[first]}] already`
    return [{ path: ['groups', at, 'name'], at: 'value', message } as const]
  })
}

/** Those with a number behind their name; others were held to the rule already. */
function overlongGroups({ groups }: HerdSpec, written: readonly number[]): FieldProblem[] {
  return groups.flatMap(({ name }, index) => {
    if (NAME_PATTERN.test(name)) return []
    const at = written[index] as number
    const message = `groups[${at}].name is too long to be numbered: ${showValue(name)} has more than 40 characters`
    return [{ path: ['groups', at, 'name'], at: 'value', message } as const]
  })
}

function portsThatDoNotFit({ port, groups }: HerdSpec): FieldProblem[] {
  const names = groups.flatMap(nodeNames)
  if (port === 'auto' || port + names.length - 1 <= LAST_PORT) return []
  const message = `port ${port} leaves no room for ${names.length} nodes: ${names.at(-1)} would need port ${port + names.length - 1}, and the last is ${LAST_PORT}`
  return [{ path: ['port'], at: 'value', message }]
}

function portsTwice({ port, groups, proxy, api }: HerdSpec): FieldProblem[] {
  const names = port === 'auto' ? [] : groups.flatMap(nodeNames)
  const holders = new Map<number, string>(names.map((name, index) => [Number(port) + index, name]))
  const asked = [
    ...(proxy === false
      ? []
      : ([
          [['proxy', 'port'], proxy.port],
          [['proxy', 'metricsPort'], proxy.metricsPort],
        ] as const)),
    ...(api === false ? [] : ([[['api', 'port'], api.port]] as const)),
  ]
  return asked.flatMap(([path, wanted]) => {
    if (typeof wanted !== 'number') return []
    const holder = holders.get(wanted)
    holders.set(wanted, path[0] === 'proxy' ? 'the proxy' : 'the API')
    if (holder === undefined) return []
    const itself = path[0] === 'proxy' && holder === 'the proxy' ? 'the proxy itself' : holder
    const message = `${path.join('.')} cannot be ${wanted}, which is the port of ${itself}`
    return [{ path, at: 'value', message } as const]
  })
}

function hastyProbes({ probes }: HerdSpec): FieldProblem[] {
  if (probes.hangAfterMs >= 2 * probes.intervalMs) return []
  const message = `probes.hangAfterMs must be at least twice probes.intervalMs (2 * ${probes.intervalMs} = ${2 * probes.intervalMs}), not ${probes.hangAfterMs}`
  return [{ path: ['probes', 'hangAfterMs'], at: 'value', message }]
}

function refusedSettings({ postgres, groups }: HerdSpec): FieldProblem[] {
  const zeroLossGroup = groups.find((group) => group.durability === 'zero-loss')?.name
  return Object.entries(postgres.settings).flatMap(([name, value]) => {
    const reason = refuseSetting(name, value, zeroLossGroup)
    if (reason === undefined) return []
    const path = ['postgres', 'settings', name]
    return [{ path, at: 'key', message: `postgres.settings.${name} ${reason}` } as const]
  })
}

/** One for each standby, and one to spare for a connection that broke and is not yet known to have. */
function tooFewSenders({ postgres, groups }: HerdSpec): FieldProblem[] {
  const nodes = Math.max(...groups.map((group) => group.nodes))
  return ['max_wal_senders', 'max_replication_slots'].flatMap((name) => {
    const value = postgres.settings[name]
    if (value === undefined || Number(value) >= nodes) return []
    const message = `postgres.settings.${name} must be at least ${nodes}, because a group has ${nodes} nodes, not ${showValue(value)}`
    return [{ path: ['postgres', 'settings', name], at: 'value', message } as const]
  })
}
