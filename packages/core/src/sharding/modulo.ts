import { makeShardMap, type ShardMap } from './shard-map.js'

/**
 * A map by remainder, at epoch 1: the key with remainder i of the number of shards belongs to shard i.
 *
 * The line is that of the remainders, each a stretch, so that one is looked up and moved as in any other
 * map. It is the upper half of the hash whose remainder is taken: PostgreSQL finds the bucket of a hash
 * join or a hash index by the lowest bits of the lower half, and on a shard whose keys all agree in
 * those most buckets would stay empty.
 */
export function moduloMap(shards: readonly string[]): ShardMap {
  const stretches = shards.map((owner, index) => ({ from: BigInt(index), owner }))
  return makeShardMap({ epoch: 1, line: { kind: 'remainder', modulus: shards.length }, shards, stretches })
}
