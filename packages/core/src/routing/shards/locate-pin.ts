import { toBigInt } from '../../sharding/halves.js'
import { KeyReader } from '../../sharding/key-reader.js'
import type { KeyType, KeyValue } from '../../sharding/key-type.js'
import { locateRead, locateRow } from '../../sharding/locate-key.js'
import type { ShardMap } from '../../sharding/shard-map.js'
import type { ValueRef } from '../../sql/index.js'
import type { ValueSet } from './key-graph.js'
import type { KeyReading, KeyValues } from './key-values.js'

/** What is known of the key of some rows: of each column sets of values, and it has one of each set. */
export interface Pin {
  readonly types: readonly KeyType[]
  readonly sets: readonly (readonly ValueSet[])[]
  /** The values, where each column has one only: what most statements have. */
  readonly single: readonly ValueRef[] | null
}

export function makePin(types: readonly KeyType[], sets: readonly (readonly ValueSet[])[]): Pin {
  const single = sets.map((of) => (of.length === 1 && of[0]?.length === 1 ? of[0][0] : undefined))
  const isSingle = single.every((ref) => ref !== undefined && !ref.array)
  return { types, sets, single: isSingle ? (single as ValueRef[]) : null }
}

/** No row has such a key. */
export const NOWHERE = -1
/** On several shards, or it cannot be said where. */
export const SOMEWHERE = -2

/** The most keys whose shards are looked up one by one. */
const MOST_KEYS = 1000

// One at a time is placed, and nothing of it is kept.
const reader = new KeyReader()

/** The one shard that a single key belongs to, else `NOWHERE` or `SOMEWHERE`. */
export function locateSingle(
  types: readonly KeyType[],
  refs: readonly ValueRef[],
  values: KeyValues,
  map: ShardMap,
): number {
  const type = types[0] as KeyType
  if (types.length > 1) return locateColumns(types, refs, values, map)
  const reading = values.read(refs[0] as ValueRef, type, reader)
  if (reading === 'value') return locateRead(map, reader)
  return reading === 'unknown' ? SOMEWHERE : NOWHERE
}

function locateColumns(
  types: readonly KeyType[],
  refs: readonly ValueRef[],
  values: KeyValues,
  map: ShardMap,
): number {
  const key: KeyValue[] = []
  let isKnown = true
  for (const [index, type] of types.entries()) {
    const reading = values.read(refs[index] as ValueRef, type, reader)
    if (reading === 'null' || reading === 'outside') return NOWHERE
    if (reading === 'unknown') isKnown = false
    else key.push(takeKey())
  }
  return isKnown ? locateRow(map, types, key) : SOMEWHERE
}

/** A copy of what was read. */
function takeKey(): KeyValue {
  return reader.family === 'integer' ? toBigInt(reader) : reader.bytes.slice(0, reader.length)
}

/** All shards on which such keys may be; null when that is not known. */
export function shardsOfPin({ types, sets }: Pin, values: KeyValues, map: ShardMap): Set<number> | null {
  return types.length === 1
    ? shardsOfColumn(types[0] as KeyType, sets[0] ?? [], values, map)
    : shardsOfColumns(types, sets, values, map)
}

/** A key that has one value of each set is where all of them may be. */
function shardsOfColumn(
  type: KeyType,
  sets: readonly ValueSet[],
  values: KeyValues,
  map: ShardMap,
): Set<number> | null {
  let shards = null as Set<number> | null
  for (const set of sets) {
    const found = new Set<number>()
    const isKnown = eachValue(set, type, values, () => {
      found.add(locateRead(map, reader))
    })
    if (!isKnown) continue
    shards = shards === null ? found : new Set([...shards].filter((shard) => found.has(shard)))
  }
  return shards
}

/** Of each column the first set that is known will do: every combination of theirs is placed. */
function shardsOfColumns(
  types: readonly KeyType[],
  sets: readonly (readonly ValueSet[])[],
  values: KeyValues,
  map: ShardMap,
): Set<number> | null {
  let keys: KeyValue[][] = [[]]
  for (const [index, type] of types.entries()) {
    const known = (sets[index] ?? []).map((set) => valuesOfSet(set, type, values)).find((of) => of !== null)
    if (known === undefined || keys.length * known.length > MOST_KEYS) return null
    keys = keys.flatMap((key) => known.map((value) => [...key, value]))
  }
  return new Set(keys.map((key) => locateRow(map, types, key)))
}

function valuesOfSet(set: ValueSet, type: KeyType, values: KeyValues): KeyValue[] | null {
  const found: KeyValue[] = []
  return eachValue(set, type, values, () => found.push(takeKey())) ? found : null
}

/** Reads one value after the other; false when one is not known. */
function eachValue(set: ValueSet, type: KeyType, values: KeyValues, take: () => void): boolean {
  const isKnown = (reading: KeyReading): boolean => {
    if (reading === 'value') take()
    return reading !== 'unknown'
  }
  for (const ref of set) {
    if (!ref.array) {
      if (!isKnown(values.read(ref, type, reader))) return false
      continue
    }
    const count = values.countElements(ref)
    if (count === null) return false
    for (let index = 0; index < count; index++)
      if (!isKnown(values.readElement(ref, index, type, reader))) return false
  }
  return true
}

/** The shard of a row to be inserted, or what its key was read as. */
export function locateInserted(
  types: readonly KeyType[],
  refs: readonly ValueRef[],
  values: KeyValues,
  map: ShardMap,
): number | Exclude<KeyReading, 'value'> {
  if (types.length === 1) {
    const reading = values.read(refs[0] as ValueRef, types[0] as KeyType, reader)
    return reading === 'value' ? locateRead(map, reader) : reading
  }
  const key: KeyValue[] = []
  for (const [index, type] of types.entries()) {
    const reading = values.read(refs[index] as ValueRef, type, reader)
    if (reading !== 'value') return reading
    key.push(takeKey())
  }
  return locateRow(map, types, key)
}
