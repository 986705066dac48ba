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
  const stretches = moves.reduce<readonly Stretch[]>(cover, stretchesOf(map))
  return makeShardMap({ epoch: map.epoch + 1, line: map.line, shards: map.shards, stretches })
}

function cover(stretches: readonly Stretch[], { from, to, owner }: Move): Stretch[] {
  if (to !== null && comparePositions(from, to) >= 0)
    throw new HerdError('SHARD_MAP_INVALID', `A stretch from ${from} cannot end at ${to}.`)
  const before = stretches.filter((stretch) => comparePositions(stretch.from, from) < 0)
  if (to === null) return [...before, { from, owner }]
  const upTo = stretches.findLast((stretch) => comparePositions(stretch.from, to) <= 0)
  const after = stretches.filter((stretch) => comparePositions(stretch.from, to) > 0)
  return [...before, { from, owner }, { from: to, owner: upTo?.owner ?? owner }, ...after]
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
