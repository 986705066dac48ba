import { HerdError } from '@pgherd/core'
import type { GroupSpec, HerdSpec, ShardingSpec } from '@pgherd/core/spec'
import { placedTables } from '../sharding/first-placement.js'
import { describeTables, placementChanged } from '../sharding/refuse-changed-placement.js'
import { type HerdIdentity, membersOf } from './herd-identity.js'

/**
 * What a herd was made from cannot be edited under it; settings, durability, probes, ports and the proxy can.
 * Throws SPEC_CHANGED with every difference.
 */
export function refuseChangedSpec(identity: HerdIdentity, wanted: HerdSpec): void {
  const made = identity.spec

  const differences = [
    differs('postgres.version', made.postgres.version, wanted.postgres.version),
    differs('database', made.database, wanted.database),
    differs('host', made.host, wanted.host),
    hasMembers(identity, wanted) ? null : differs('groups', groupsOf(made), groupsOf(wanted)),
  ].filter((difference) => difference !== null)
  if (differences.length === 0) {
    refuseChangedSharding(made, wanted)
    return
  }
  throw new HerdError(
    'SPEC_CHANGED',
    `The herd "${made.name}" exists already, with ${differences.join(', and ')}.`,
    {
      hint: 'Change the spec back, give the new herd another name, or destroy the old one: pgherd down --destroy',
    },
  )
}

/** Where rows belong follows from all of it, and rows are there already. */
function refuseChangedSharding(made: HerdSpec, wanted: HerdSpec): void {
  const [old, young] = [describeSharding(made.sharding), describeSharding(wanted.sharding)]
  const differences = Object.keys({ ...old, ...young })
    .map((field) => differs(field, old[field] ?? 'absent', young[field] ?? 'absent'))
    .filter((difference) => difference !== null)
  if (differences.length === 0) return
  throw placementChanged(`The herd "${made.name}" exists already, with ${differences.join(', and ')}.`)
}

function describeSharding(sharding: ShardingSpec | undefined): Record<string, string> {
  if (sharding === undefined) return {}
  const { strategy, groups, home, virtualNodes, loadLimit, keyType, splits } = sharding
  return {
    'sharding.strategy': strategy,
    'sharding.groups': groups.join(', '),
    'sharding.home': home,
    'sharding.tables': describeTables(placedTables(sharding)),
    'sharding.virtualNodes': String(virtualNodes),
    'sharding.loadLimit': String(loadLimit),
    'sharding.keyType': keyType,
    'sharding.splits': splits.length === 0 ? 'none' : splits.join(', '),
  }
}

/** A spec may say how many nodes there were at first, or how many there are since some came or went. */
function hasMembers(identity: HerdIdentity, wanted: HerdSpec): boolean {
  const { groups } = identity.spec
  return (
    groups.length === wanted.groups.length &&
    groups.every((group, at) => {
      const { name, nodes } = wanted.groups[at] as GroupSpec
      return name === group.name && (nodes === group.nodes || nodes === membersOf(identity, group).length)
    })
  )
}

function groupsOf(spec: HerdSpec): string {
  return spec.groups.map((group) => `${group.name} of ${group.nodes}`).join(', ')
}

function differs(field: string, made: unknown, wanted: unknown): string | null {
  return made === wanted ? null : `${field} ${made} (the spec now says ${wanted})`
}
