import { HerdError } from '../errors.js'
import { firstShardMap } from '../sharding/index.js'
import { closestMatch } from './closest-match.js'
import { readSharding, withSchema } from './read-sharding.js'
import type { ParsedSharding } from './sharding-schema.js'
import { type FieldProblem, formatPath, type SpecPath, showValue } from './spec-path.js'

/** What is wrong with sharding whose fields are each right by themselves, in a herd with these groups. */
export function compareSharding(
  sharding: ParsedSharding | undefined,
  groupNames: readonly string[],
): FieldProblem[] {
  if (sharding === undefined) return []
  const problems = [
    ...unknownGroups(sharding, groupNames),
    ...repeatedShards(sharding),
    ...homeless(sharding, groupNames),
    ...wrongTables(sharding),
    ...optionsOfOthers(sharding),
  ]
  return problems.length > 0 ? problems : wrongRanges(sharding, groupNames)
}

function unknownGroups({ groups, home }: ParsedSharding, groupNames: readonly string[]): FieldProblem[] {
  const named: [SpecPath, string][] = groups.map((name, index) => [['sharding', 'groups', index], name])
  if (home !== undefined) named.push([['sharding', 'home'], home])
  return named.flatMap(([path, name]) => {
    if (groupNames.includes(name)) return []
    const guess = closestMatch(name, groupNames)
    const advice = guess === undefined ? `there are ${groupNames.join(', ')}` : `did you mean "${guess}"?`
    return [
      {
        path,
        at: 'value',
        message: `${formatPath(path)} is ${showValue(name)}, which is no group of this herd; ${advice}`,
      } as const,
    ]
  })
}

function repeatedShards({ groups }: ParsedSharding): FieldProblem[] {
  return groups.flatMap((name, index) => {
    const first = groups.indexOf(name)
    if (first === index) return []
    const message = `sharding.groups[${index}] is "${name}", as is sharding.groups[${first}] already`
    return [{ path: ['sharding', 'groups', index], at: 'value', message } as const]
  })
}

function homeless({ groups, home }: ParsedSharding, groupNames: readonly string[]): FieldProblem[] {
  if (home !== undefined || groupNames.some((name) => !groups.includes(name))) return []
  const message =
    'sharding.home is missing: every group is a shard, so say which one has the tables that are not named'
  return [{ path: ['sharding'], at: 'key', message }]
}

function wrongTables({ tables, strategy }: ParsedSharding): FieldProblem[] {
  const names = Object.keys(tables)
  return Object.entries(tables).flatMap(([name, table]) => {
    const path = ['sharding', 'tables', name]
    const reason =
      whyNoName(name) ?? whyTwice(name, names) ?? whyNoTable(table) ?? whyNoRange(table, strategy)
    return reason === undefined
      ? []
      : [{ path, at: 'key', message: `${formatPath(path)} ${reason}` } as const]
  })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL cannot stand in a name
const TABLE_NAME = /^([^.\u0000]{1,63}\.)?[^.\u0000]{1,63}$/

function whyNoName(name: string): string | undefined {
  return TABLE_NAME.test(name) ? undefined : 'is not the name of a table, with or without its schema in front'
}

function whyTwice(name: string, names: readonly string[]): string | undefined {
  const same = names.find((other) => other !== name && withSchema(other) === withSchema(name))
  return same === undefined || names.indexOf(same) > names.indexOf(name)
    ? undefined
    : `is the same table as ${showValue(same)}`
}

function whyNoTable({ key, kind }: ParsedSharding['tables'][string]): string | undefined {
  if (kind === 'reference')
    return key === undefined ? undefined : 'is a reference table, which is on every shard and has no key'
  if (key === undefined)
    return 'has no key; write "key: COLUMN", or "kind: reference" for a full copy on every shard'
  const columns = [key].flat()
  const twice = columns.find((column, index) => columns.indexOf(column) !== index)
  return twice === undefined ? undefined : `has the column ${showValue(twice)} twice in its key`
}

function whyNoRange(
  { key }: ParsedSharding['tables'][string],
  strategy: ParsedSharding['strategy'],
): string | undefined {
  if (strategy !== 'range' || [key].flat().length <= 1) return undefined
  return 'has a key of several columns, which ranges cannot have'
}

const OPTIONS = {
  virtualNodes: 'consistent-hash',
  loadLimit: 'consistent-hash',
  keyType: 'range',
  splits: 'range',
} as const

function optionsOfOthers(sharding: ParsedSharding): FieldProblem[] {
  return Object.entries(OPTIONS).flatMap(([option, strategy]) => {
    const written = sharding[option as keyof typeof OPTIONS] !== undefined
    const path = ['sharding', option]
    if (written && strategy !== sharding.strategy) {
      const message = `sharding.${option} is for the strategy ${strategy}, and the strategy is ${sharding.strategy}`
      return [{ path, at: 'key', message } as const]
    }
    if (written || sharding.strategy !== 'range' || strategy !== 'range') return []
    return [
      { path, at: 'key', message: `sharding.${option} is missing, which the strategy range needs` } as const,
    ]
  })
}

/** Split points are right where a map can be made of them. */
function wrongRanges(sharding: ParsedSharding, groupNames: readonly string[]): FieldProblem[] {
  if (sharding.strategy !== 'range') return []
  try {
    firstShardMap({ ...readSharding(sharding, groupNames), shards: sharding.groups })
    return []
  } catch (error) {
    if (!(error instanceof HerdError)) throw error
    const message = `sharding.splits cannot be used: ${error.message.replace(/\.$/, '')}`
    return [{ path: ['sharding', 'splits'], at: 'key', message }]
  }
}
