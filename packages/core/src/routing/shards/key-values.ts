import type { KeyReader } from '../../sharding/key-reader.js'
import type { KeyType } from '../../sharding/key-type.js'
import type { ValueRef } from '../../sql/index.js'

/**
 * What was read:
 * - `value`: it is in the reader.
 * - `null`: SQL's NULL.
 * - `outside`: certainly no value of the type: it equals no key, and PostgreSQL takes it for none.
 * - `unknown`: what PostgreSQL makes of it cannot be said here.
 */
export type KeyReading = 'value' | 'null' | 'outside' | 'unknown'

/**
 * Reads the values of one statement. Casts are dealt with already (`ValueRef.type`), signs are not.
 *
 * A parameter is a key of the type asked for only if the server takes it for one of the same family. Who
 * knows that it takes it for another (a type named by Parse, say) answers `unknown`.
 */
export interface KeyValues {
  /** Of an INSERT whose rows are said by those of its folded statement. */
  readonly rows?: RowWalk
  /** Never throws. */
  read(ref: ValueRef, type: KeyType, into: KeyReader): KeyReading
  /** How many elements an array (`ref.array`) has, 0 for NULL; null when that is unknown. */
  countElements(ref: ValueRef): number | null
  readElement(ref: ValueRef, index: number, type: KeyType, into: KeyReader): KeyReading
}

/** Goes through rows of which the statement that was planned has one of each form. */
export interface RowWalk {
  readonly count: number
  /** What is read from now on is of that row. Returns which row of the statement stands for it. */
  goTo(row: number): number
}
