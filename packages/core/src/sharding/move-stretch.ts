import { HerdError } from '../errors.js'
import { comparePositions, type Position } from './line.js'
import { makeShardMap, type ShardMap, type Stretch, stretchesOf } from './shard-map.js'

/** A part of the line that gets an owner: from `from`, up to and without `to`, or to the end for null. */
export interface Move {
  readonly from: Position
  readonly to: Position | null
  readonly owner: string
}

/**
 * The map after a move, under the next epoch; whatever was in the part before, and of however many
 * owners, belongs to the one named. Throws `SHARD_MAP_INVALID`.
 */
export function moveStretch(map: ShardMap, move: Move): ShardMap {
  return moveStretches(map, [move])
}

/** The same for several moves at once, under one epoch; later ones win. */
export function moveStretches(map: ShardMap, moves: readonly Move[]): ShardMap {
  const stretches = stretchesOf(map)
  for (const move of moves) cover(stretches, move)
  return makeShardMap({ epoch: map.epoch + 1, line: map.line, shards: map.shards, stretches })
}

function cover(stretches: Stretch[], { from, to, owner }: Move): void {
  if (to !== null && comparePositions(from, to) >= 0)
    throw new HerdError('SHARD_MAP_INVALID', `A stretch from ${from} cannot end at ${to}.`)
  const first = firstFrom(stretches, from)
  const end = to === null ? stretches.length : firstFrom(stretches, to)
  const cutOff = stretches[end - 1]
  const rest =
    to === null || cutOff === undefined || stretches[end]?.from === to
      ? []
      : [{ from: to, owner: cutOff.owner }]
  stretches.splice(first, end - first, { from, owner }, ...rest)
}

/** The first stretch that begins at a position or after it; a map of a ring has tens of thousands. */
function firstFrom(stretches: readonly Stretch[], position: Position): number {
  let [low, high] = [0, stretches.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (comparePositions((stretches[middle] as Stretch).from, position) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The map with one more shard, which owns nothing yet, under the next epoch. */
export function withShard(map: ShardMap, shard: string): ShardMap {
  const { line, epoch } = map
  return makeShardMap({ epoch: epoch + 1, line, shards: [...map.shards, shard], stretches: stretchesOf(map) })
}

/** The map without a shard, under the next epoch. Throws `SHARD_MAP_INVALID` if it still owns something. */
export function withoutShard(map: ShardMap, shard: string): ShardMap {
  const shards = map.shards.filter((each) => each !== shard)
  return makeShardMap({ epoch: map.epoch + 1, line: map.line, shards, stretches: stretchesOf(map) })
}
