import type { ShardsView } from '@pgherd/core/api'
import { lowestPosition, type Position, type ShardMap, sharesOf, startOf } from '@pgherd/core/sharding'
import type { ShardingSpec } from '@pgherd/core/spec'
import { type PlacedHerd, sortedTables } from '../../shards/placed-herd.js'
import { type TableOnShard, tablesOn } from '../../shards/tables-on-shard.js'

const MOST_STRETCHES = 2000

/** The shard map, small enough to be drawn, and what each shard holds. */
export async function readShards(herd: PlacedHerd, sharding: ShardingSpec): Promise<ShardsView> {
  const { map, home } = herd.placement
  const held = (await Promise.all(map.shards.map((shard) => tablesOn(herd, shard, false)))).flat()
  const shares = map.line.kind === 'key' ? null : sharesOf(map)
  return {
    strategy: sharding.strategy,
    epoch: map.epoch,
    home,
    shards: map.shards.map((name, at) => ({
      name,
      share: shares?.[at] ?? null,
      ...sumsOf(held.filter(({ shard, kind }) => shard === name && kind === 'sharded')),
    })),
    stretches: drawnStretches(map),
    stretchCount: map.owners.length,
    tables: sortedTables(herd.placement).map(([name, { kind, key }]) => ({
      name,
      kind,
      key: [...key],
      perShard: held
        .filter(({ table }) => table === name)
        .map(({ shard, rows, bytes }) => ({ shard, rows, bytes })),
    })),
  }
}

/** Null where a part of it is not known. */
function sumsOf(tables: readonly TableOnShard[]): { rows: number | null; bytes: number | null } {
  const sum = (pick: (table: TableOnShard) => number | null): number | null =>
    tables.reduce<number | null>((all, table) => {
      const one = pick(table)
      return all === null || one === null ? null : all + one
    }, 0)
  return { rows: sum(({ rows }) => rows), bytes: sum(({ bytes }) => bytes) }
}

/** Of very many the picture shows each n-th: a ring of 28,000 points has no room for all. */
function drawnStretches(map: ShardMap): ShardsView['stretches'] {
  const step = Math.ceil(map.owners.length / MOST_STRETCHES)
  const drawn: ShardsView['stretches'] = []
  for (let at = 0; at < map.owners.length; at += step) {
    const from = startOf(map, at)
    const shard = map.shards[map.owners[at] as number] as string
    if (drawn.at(-1)?.shard !== shard) drawn.push({ from: String(from), start: fractionOf(map, from), shard })
  }
  return drawn
}

/** How far along the line a position is, 0 to 1; null where positions have no distances. */
export function fractionOf({ line }: ShardMap, position: Position): number | null {
  if (typeof position === 'string' || line.kind === 'key') return null
  const begin = lowestPosition(line) as bigint
  const end = line.kind === 'remainder' ? BigInt(line.modulus) : -begin
  return Number(position - begin) / Number(end - begin)
}
