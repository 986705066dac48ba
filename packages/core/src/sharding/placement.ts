import { unpackShardMap } from './packed-shard-map.js'
import type { ShardMap } from './shard-map.js'
import { invalid, list, record, show } from './shard-map-json.js'

/** A table that is not in one group alone. */
export interface PlacedTable {
  readonly kind: 'sharded' | 'reference'
  /** The columns of its shard key, none of a reference table. */
  readonly key: readonly string[]
}

/** A group and how its nodes are reached, as `host:port`. */
export interface PlacedGroup {
  readonly name: string
  readonly nodes: readonly string[]
}

/** Where every row of a herd belongs, and where everybody is. The same in all groups. */
export interface Placement {
  readonly map: ShardMap
  /** By name, the schema always in front. */
  readonly tables: Readonly<Record<string, PlacedTable>>
  /** All groups of the herd, in an order that stays. */
  readonly groups: readonly PlacedGroup[]
  /** The group of tables that are not named. */
  readonly home: string
}

/** The one row of `pgherd.placement`, as a driver gives it. */
export interface PlacementRow {
  readonly map: unknown
  readonly stretches: Uint8Array
  readonly tables: unknown
  readonly groups: unknown
  readonly home: unknown
  readonly this_group: unknown
}

/**
 * Reads what a group says of the herd's placement, and which of the groups it is itself.
 * Throws `SHARD_MAP_INVALID`.
 */
export function readPlacement(row: PlacementRow): Placement & { readonly thisGroup: string } {
  const groups = list(row.groups, 'groups').map(readGroup)
  const placement = {
    map: unpackShardMap(row.map, row.stretches),
    tables: Object.fromEntries(
      Object.entries(record(row.tables, 'tables')).map(([name, table]) => [name, readTable(name, table)]),
    ),
    groups,
    home: readGroupName(row.home, groups),
    thisGroup: readGroupName(row.this_group, groups),
  }
  for (const shard of placement.map.shards) readGroupName(shard, groups)
  return placement
}

function readGroup(data: unknown): PlacedGroup {
  const { name, nodes } = record(data, 'a group')
  if (typeof name !== 'string') throw invalid(`a group is called ${show(name)}`)
  return { name, nodes: list(nodes, `the nodes of ${name}`).map(String) }
}

function readGroupName(data: unknown, groups: readonly PlacedGroup[]): string {
  const found = groups.find(({ name }) => name === data)
  if (found === undefined) throw invalid(`it names the group ${show(data)}, which is none of its groups`)
  return found.name
}

function readTable(name: string, data: unknown): PlacedTable {
  const { kind, key } = record(data, `the table ${name}`)
  const columns = list(key, `the key of ${name}`).map(String)
  if (kind === 'reference' || (kind === 'sharded' && columns.length > 0)) return { kind, key: columns }
  throw invalid(`the table ${name} is of kind ${show(kind)} with a key of ${columns.length} columns`)
}

/** Whether two say the same of where rows belong. Addresses may differ: they change without an epoch. */
export function samePlacement(one: Placement, other: Placement): boolean {
  return (
    sameMap(one.map, other.map) &&
    one.home === other.home &&
    JSON.stringify(sortedTables(one)) === JSON.stringify(sortedTables(other))
  )
}

function sameMap(one: ShardMap, other: ShardMap): boolean {
  const headOf = ({ epoch, line, shards }: ShardMap): string =>
    JSON.stringify([epoch, lineParts(line), shards])
  if (headOf(one) !== headOf(other) || one.owners.length !== other.owners.length) return false
  if (one.owners.some((owner, index) => owner !== other.owners[index])) return false
  return sameStarts(one.starts, other.starts)
}

function lineParts(line: ShardMap['line']): unknown[] {
  return [
    line.kind,
    line.kind === 'remainder' ? line.modulus : null,
    line.kind === 'key' ? line.family : null,
  ]
}

function sameStarts(one: ShardMap['starts'], other: ShardMap['starts']): boolean {
  if (one.kind === 'numbers' && other.kind === 'numbers')
    return sameNumbers(one.highs, other.highs) && sameNumbers(one.lows, other.lows)
  if (one.kind === 'bytes' && other.kind === 'bytes')
    return sameNumbers(one.offsets, other.offsets) && sameNumbers(one.bytes, other.bytes)
  return false
}

function sameNumbers(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  return (
    one.length === other.length && Array.prototype.every.call(one, (value, index) => value === other[index])
  )
}

function sortedTables({ tables }: Placement): unknown[] {
  return Object.keys(tables)
    .sort()
    .map((name) => [name, tables[name]?.kind, tables[name]?.key])
}
