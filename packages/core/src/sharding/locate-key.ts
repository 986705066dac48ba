import { HerdError } from '../errors.js'
import { findBytes } from './byte-starts.js'
import { type Halves, toBigInt } from './halves.js'
import { hashKey, PLACEMENT_SEED } from './hash-key.js'
import { hashRow } from './hash-row.js'
import { KeyReader } from './key-reader.js'
import { familyOf, type KeyType, type KeyValue } from './key-type.js'
import type { Line, Position } from './line.js'
import { findNumber } from './number-starts.js'
import { formatUuid } from './read-uuid.js'
import type { ShardMap } from './shard-map.js'

// One at a time is placed, and nothing of it is kept.
const reader = new KeyReader()
const hash: Halves = { high: 0, low: 0 }

/** Which shard a key belongs to, as an index of `map.shards`. Throws `SHARD_KEY_INVALID`. */
export function locateKey(map: ShardMap, type: KeyType, value: KeyValue): number {
  reader.read(type, value)
  return locateRead(map, reader)
}

/** The same for a value as it stands in a message, in its type's text or binary format. */
export function locateWireKey(
  map: ShardMap,
  type: KeyType,
  bytes: Uint8Array,
  format: 'text' | 'binary',
): number {
  reader.readWire(type, bytes, format)
  return locateRead(map, reader)
}

/** The same for a key of several columns, which only a hash can place. */
export function locateRow(map: ShardMap, types: readonly KeyType[], values: readonly KeyValue[]): number {
  if (map.line.kind === 'key')
    throw new HerdError('SHARD_KEY_INVALID', 'Ranges are over a key of one column, not of several.')
  hashRow(types, values, reader, hash)
  return locateHash(map, hash)
}

/** Which shard the key that was read belongs to, as an index of `map.shards`. */
export function locateRead(map: ShardMap, key: KeyReader): number {
  const { line, starts, owners } = map
  if (line.kind !== 'key') {
    hashKey(key, PLACEMENT_SEED, hash)
    return locateHash(map, hash)
  }
  if (key.family !== line.family) throw ofAnotherFamily(line, key)
  const stretch =
    starts.kind === 'numbers'
      ? findNumber(starts, key.high, key.low)
      : findBytes(starts, key.bytes, key.length)
  return owners[stretch] as number
}

/** Which shard a hash belongs to, on a line of hashes or of their remainders. */
export function locateHash({ line, starts, owners }: ShardMap, { high, low }: Halves): number {
  if (starts.kind !== 'numbers')
    throw new HerdError('SHARD_KEY_INVALID', 'Ranges are over keys, not over hashes.')
  const stretch =
    line.kind === 'remainder'
      ? findNumber(starts, 0, (high >>> 0) % line.modulus)
      : findNumber(starts, high, low)
  return owners[stretch] as number
}

/** Where on a line a key stands. Throws `SHARD_KEY_INVALID`. */
export function positionOf(line: Line, type: KeyType, value: KeyValue): Position {
  reader.read(type, value)
  if (line.kind !== 'key') {
    hashKey(reader, PLACEMENT_SEED, hash)
    return line.kind === 'hash' ? toBigInt(hash) : BigInt((hash.high >>> 0) % line.modulus)
  }
  if (reader.family !== line.family) throw ofAnotherFamily(line, reader)
  if (familyOf(type) === 'integer') return toBigInt(reader)
  const bytes = reader.bytes.subarray(0, reader.length)
  return familyOf(type) === 'uuid'
    ? formatUuid(bytes)
    : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

function ofAnotherFamily(line: Line, key: KeyReader): HerdError {
  const wanted = line.kind === 'key' ? line.family : ''
  return new HerdError(
    'SHARD_KEY_INVALID',
    `This shard map has ranges of ${wanted} keys, not of ${key.family} keys.`,
  )
}
