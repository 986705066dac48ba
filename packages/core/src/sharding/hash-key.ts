import { fromBigInt, type Halves, toBigInt } from './halves.js'
import { hashBytes, hashUint32 } from './jenkins-hash.js'
import { KeyReader } from './key-reader.js'
import type { KeyType, KeyValue } from './key-type.js'

/** The seed of a key of one column: with it a row filter in SQL says the position in a short expression. */
export const PLACEMENT_SEED: Halves = { high: 0, low: 0 }

/**
 * Hashes the key that was read, as PostgreSQL's `hashint2extended`, `hashint4extended`,
 * `hashint8extended`, `hashtextextended` (under a deterministic collation) and `uuid_hash_extended` do
 * (src/backend/access/hash/hashfunc.c, src/backend/utils/adt/uuid.c). Equal whole numbers hash alike
 * whichever of their types they have.
 */
export function hashKey(key: KeyReader, seed: Halves, into: Halves): void {
  if (key.family === 'integer') {
    // Where the number fits 32 bits, the upper half folds to nothing.
    const folded = key.high >= 0 ? key.high : ~key.high
    hashUint32(key.low ^ folded, seed, into)
  } else {
    hashBytes(key.bytes, key.length, seed, into)
  }
}

const reader = new KeyReader()

/** The hash of one value as PostgreSQL's bigint. Throws `SHARD_KEY_INVALID`. */
export function hashOf(type: KeyType, value: KeyValue, seed: bigint = 0n): bigint {
  const into: Halves = { high: 0, low: 0 }
  reader.read(type, value)
  hashKey(reader, fromBigInt(seed), into)
  return toBigInt(into)
}
