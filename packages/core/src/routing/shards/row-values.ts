import type { KeyReader } from '../../sharding/key-reader.js'
import type { KeyType } from '../../sharding/key-type.js'
import type { RowCursor, ValueRef, ValueRows } from '../../sql/index.js'
import type { KeyReading, KeyValues } from './key-values.js'
import { readLiteral } from './literal-values.js'

/** The values of an INSERT's rows, one row at a time. Of parameters it knows alone where they stand. */
export class RowValues implements KeyValues {
  readonly rows: RowCursor
  readonly #parameters: KeyValues

  constructor(rows: ValueRows, parameters: KeyValues) {
    this.rows = rows.cursor()
    this.#parameters = parameters
  }

  read(ref: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    if (ref.kind === 'parameter')
      return this.#parameters.read({ ...ref, index: this.rows.parameter(ref.index) }, type, into)
    // Most keys are such, and all of these fit an int4.
    const integer = type === 'int8' || type === 'int4' ? this.rows.integer(ref.index) : null
    if (integer !== null) {
      into.read(type, ref.negative ? 0 - integer : integer)
      return 'value'
    }
    const value = this.rows.literal(ref.index)
    return value === null ? 'unknown' : readLiteral(value, ref.negative, type, into)
  }

  /** No row has arrays for keys. */
  countElements(): null {
    return null
  }

  readElement(): 'unknown' {
    return 'unknown'
  }
}
