import { HerdError } from '@pgherd/core'
import type { AddedShard } from '@pgherd/core/api'
import {
  addToRing,
  locateKey,
  moduloMap,
  moveStretches,
  type PlacedTable,
  type Placement,
  positionOf,
  proposeMoves,
  type ShardMap,
  withShard,
} from '@pgherd/core/sharding'
import type { ShardingSpec } from '@pgherd/core/spec'
import { makeUpKeys, type SampleKeys } from '../../cli/sample-keys.js'
import { keyTypesOf } from '../../shards/find-key.js'
import { type PlacedHerd, quoteTable, sortedTables } from '../../shards/placed-herd.js'

const MADE_UP = 100_000
/** Keys read from all shards, about, to know how they lie. */
const SAMPLED = 50_000

/** What one more shard would move: the same keys, placed by the map in force and by the one that would follow. */
export async function addedShard(herd: PlacedHerd, sharding: ShardingSpec): Promise<AddedShard> {
  const { map } = herd.placement
  const isByRange = map.line.kind === 'key'
  const { type, keys } = isByRange ? await sampleKeys(herd) : makeUpKeys('int8', MADE_UP)
  const after = grow(map, newName(herd.placement), sharding, { type, keys })
  const counts = after.shards.map((name) => ({ name, before: 0, after: 0, gives: 0 }))
  let moved = 0
  for (const key of keys) {
    const was = counts[locateKey(map, type, key)]
    const is = counts[locateKey(after, type, key)]
    if (was === undefined || is === undefined) continue
    was.before++
    is.after++
    if (was === is) continue
    was.gives++
    moved++
  }
  const share = (count: number): number => count / keys.length
  return {
    shards: after.shards.length,
    movedShare: share(moved),
    ideal: 1 / after.shards.length,
    perShard: counts.map(({ name, before, after: then, gives }) => ({
      name,
      before: share(before),
      after: share(then),
      gives: share(gives),
    })),
  }
}

function grow(map: ShardMap, name: string, sharding: ShardingSpec, { type, keys }: SampleKeys): ShardMap {
  const { virtualNodes, loadLimit } = sharding
  if (map.line.kind === 'hash') return addToRing(map, name, { virtualNodes, loadLimit })
  if (map.line.kind === 'remainder') return moduloMap([...map.shards, name])
  const samples = keys.map((key) => positionOf(map.line, type, key))
  const grown = withShard(map, name)
  return moveStretches(grown, proposeMoves(grown, samples, { loadLimit: 1 }).moves)
}

/** The shards are called alike, with numbers. */
function newName({ map, groups }: Placement): string {
  const taken = new Set([...map.shards, ...groups.map(({ name }) => name)])
  const stem = (map.shards[0] ?? 's').replace(/-?\d+$/, '')
  for (let number = map.shards.length + 1; ; number++)
    if (!taken.has(`${stem}${number}`)) return `${stem}${number}`
}

/** On a line of keys only the rows tell how full which part is. Throws OPERATION_FAILED without any. */
async function sampleKeys(herd: PlacedHerd): Promise<SampleKeys> {
  const { map } = herd.placement
  const { table, rows } = await largestTable(herd)
  const [type] = await keyTypesOf(herd, table.name, table.placed)
  const column = `"${(table.placed.key[0] as string).replaceAll('"', '""')}"`
  // The same part of each shard, or a shard with few rows would count for as much as one with many.
  const percent = Math.min(100, (100 * SAMPLED) / rows)
  const text = `select ${column}::text as key from ${quoteTable(table.name)} tablesample system (${percent})`
  const found = await Promise.all(map.shards.map((shard) => herd.ask<{ key: string }>(shard, text)))
  const keys = found.flat().map(({ key }) => key)
  if (type === undefined || keys.length <= map.shards.length) throw tooFewRows()
  return { type, keys }
}

interface SampledTable {
  readonly name: string
  readonly placed: PlacedTable
}

/** Of those that are on every shard. Throws OPERATION_FAILED where there is none. */
async function largestTable(herd: PlacedHerd): Promise<{ table: SampledTable; rows: number }> {
  const tables = sortedTables(herd.placement)
    .filter(([, { kind, key }]) => kind === 'sharded' && key.length === 1)
    .map(([name, placed]) => ({ table: { name, placed }, rows: 0 }))
  for (const each of tables) {
    const { shards } = herd.placement.map
    const counts = await Promise.all(shards.map((shard) => estimateRows(herd, shard, each.table.name)))
    each.rows = counts.some((count) => count === null)
      ? 0
      : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
  }
  const [largest] = tables.sort((one, other) => other.rows - one.rows)
  if (largest === undefined || largest.rows === 0) throw tooFewRows()
  return largest
}

/** As the planner sees it, also where the table was never analysed; null: there is no such table. */
async function estimateRows(herd: PlacedHerd, shard: string, table: string): Promise<number | null> {
  const name = quoteTable(table)
  const [found] = await herd.ask<{ is: boolean }>(shard, 'select to_regclass($1) is not null as is', [name])
  if (found?.is !== true) return null
  const [row] = await herd.ask<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    shard,
    `explain (format json) select from ${name}`,
  )
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
}

function tooFewRows(): HerdError {
  return new HerdError('OPERATION_FAILED', 'There are too few rows to tell by how keys lie.', {
    hint: 'By ranges, what a shard would get depends on the keys that are there.',
  })
}
