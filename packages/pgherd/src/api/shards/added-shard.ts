import { HerdError } from '@pgherd/core'
import type { AddedShard } from '@pgherd/core/api'
import {
  addToRing,
  locateKey,
  moduloMap,
  moveStretches,
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
/** Keys read from each shard to know how they lie. */
const SAMPLED = 5000

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
  for (const [table, placed] of sortedTables(herd.placement)) {
    const [column] = placed.key
    if (placed.kind !== 'sharded' || column === undefined || placed.key.length > 1) continue
    const [type] = await keyTypesOf(herd, table, placed)
    const name = `"${column.replaceAll('"', '""')}"`
    const text = `select ${name}::text as key from ${quoteTable(table)} tablesample bernoulli (10) limit ${SAMPLED}`
    const found = await Promise.all(map.shards.map((shard) => herd.ask<{ key: string | null }>(shard, text)))
    const keys = found.flat().flatMap(({ key }) => (key === null ? [] : [key]))
    if (type !== undefined && keys.length >= map.shards.length) return { type, keys }
  }
  throw new HerdError('OPERATION_FAILED', 'There are too few rows to tell by how keys lie.', {
    hint: 'By ranges, what a shard would get depends on the keys that are there.',
  })
}
