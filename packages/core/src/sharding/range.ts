import { HerdError } from '../errors.js'
import type { KeyFamily } from './key-type.js'
import { lowestPosition, type Position } from './line.js'
import { makeShardMap, type ShardMap } from './shard-map.js'

/**
 * A map by ranges of the key, at epoch 1: the first shard owns what comes before the first split point,
 * the next what comes from there on, and so on. Shards beyond the last range own nothing yet.
 * Throws `SHARD_MAP_INVALID`.
 */
export function rangeMap(
  family: KeyFamily,
  shards: readonly string[],
  splits: readonly Position[],
): ShardMap {
  if (splits.length >= shards.length)
    throw new HerdError(
      'SHARD_MAP_INVALID',
      `${splits.length} split points make ${splits.length + 1} ranges, and there are ${shards.length} shards.`,
    )
  const line = { kind: 'key', family } as const
  const stretches = [lowestPosition(line), ...splits].map((from, index) => ({
    from,
    owner: shards[index] as string,
  }))
  return makeShardMap({ epoch: 1, line, shards, stretches })
}
