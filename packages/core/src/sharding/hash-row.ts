import { HerdError } from '../errors.js'
import { fromBigInt, type Halves } from './halves.js'
import { hashKey } from './hash-key.js'
import type { KeyReader } from './key-reader.js'
import type { KeyType, KeyValue } from './key-type.js'

/** PostgreSQL's `HASH_PARTITION_SEED` (src/include/catalog/partition.h). */
const PARTITION_SEED = fromBigInt(0x7a5b22367996dcfdn)
const GOLDEN = fromBigInt(0x49a0f4dd15e5a8e3n)

const column: Halves = { high: 0, low: 0 }

/**
 * Hashes a key of several columns as PostgreSQL's hash partitioning does, its seed included, since that
 * is the one place where a server combines hashes so that SQL can ask (`satisfies_hash_partition`). A
 * column that is NULL counts for nothing. (`compute_partition_hash_value`,
 * src/backend/partitioning/partbounds.c; `hash_combine64`, src/include/common/hashfn.h.)
 *
 * Throws `SHARD_KEY_INVALID`.
 */
export function hashRow(
  types: readonly KeyType[],
  values: readonly KeyValue[],
  reader: KeyReader,
  into: Halves,
): void {
  if (values.length !== types.length)
    throw new HerdError(
      'SHARD_KEY_INVALID',
      `This shard key has ${types.length} columns, not ${values.length}.`,
    )
  into.high = 0
  into.low = 0
  for (const [index, type] of types.entries()) {
    const value = values[index] ?? null
    if (value === null) continue
    reader.read(type, value)
    hashKey(reader, PARTITION_SEED, column)
    combine(into, column)
  }
}

/** Folds another hash in; sums of halves are exact in a number, and what they carry is their upper part. */
function combine(into: Halves, other: Halves): void {
  const { high, low } = into
  const shiftedLeft = low << 22
  const rightHigh = high >>> 7
  const rightLow = (low >>> 7) | (high << 25)
  const lows = (other.low >>> 0) + (GOLDEN.low >>> 0) + (rightLow >>> 0)
  const highs = other.high + GOLDEN.high + shiftedLeft + rightHigh + Math.floor(lows / 2 ** 32)
  into.high = high ^ highs
  into.low = low ^ lows
}
