import { HerdError } from '../errors.js'
import { isOfNumbers, lowestPosition } from './line.js'
import { type ShardMap, stretchesOf } from './shard-map.js'

/**
 * How much of the line each shard owns, as a fraction, in the order of `map.shards`. On a line of keys
 * this says nothing about how many keys there are. Throws `SHARD_MAP_INVALID` on a line of text or uuids.
 */
export function sharesOf(map: ShardMap): number[] {
  if (!isOfNumbers(map.line))
    throw new HerdError('SHARD_MAP_INVALID', 'A line of text or uuids has no lengths.')
  const begin = lowestPosition(map.line) as bigint
  const end = map.line.kind === 'remainder' ? BigInt(map.line.modulus) : -begin
  const stretches = stretchesOf(map)
  const lengths = new Map(map.shards.map((shard) => [shard, 0n]))
  for (const [index, { from, owner }] of stretches.entries()) {
    const to = (stretches[index + 1]?.from ?? end) as bigint
    lengths.set(owner, (lengths.get(owner) as bigint) + to - (from as bigint))
  }
  return map.shards.map((shard) => Number(lengths.get(shard)) / Number(end - begin))
}
