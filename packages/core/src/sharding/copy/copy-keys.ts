import { HerdError } from '../../errors.js'
import { toBigInt } from '../halves.js'
import { KeyReader } from '../key-reader.js'
import { familyOf, type KeyType, type KeyValue } from '../key-type.js'
import { locateRead, locateRow } from '../locate-key.js'
import type { ShardMap } from '../shard-map.js'
import {
  badFormat,
  CHARACTER_NOT_IN_REPERTOIRE,
  CopyError,
  FEATURE_NOT_SUPPORTED,
  INVALID_BINARY_REPRESENTATION,
  INVALID_TEXT_REPRESENTATION,
  NOT_NULL_VIOLATION,
  NUMERIC_VALUE_OUT_OF_RANGE,
} from './copy-error.js'
import type { ColumnChoice, CopyFormat, CopyKeyColumn } from './copy-format.js'
import type { RowScan } from './row-scan.js'
import { readCsvField, readTextField } from './written-field.js'

/** A column of the shard key in what is copied. */
export interface PlacedKey extends CopyKeyColumn {
  readonly type: KeyType
}

const ZERO = 48
const MINUS = 45
const SPACE = 32
/** As many digits fit an int4. */
const SHORT_DIGITS = 9
const BINARY_NULL = -1
const DECODER = new TextDecoder()
const ENCODER = new TextEncoder()
const WHOLE_NUMBER = /^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/
const SQL_NAMES: Record<KeyType, string> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  text: 'text',
  varchar: 'character varying',
  uuid: 'uuid',
}

/** Reads of rows as they stand in a COPY to which shards they belong. */
export class CopyKeys {
  readonly #table: string
  readonly #keys: readonly PlacedKey[]
  readonly #map: ShardMap
  readonly #format: CopyFormat
  readonly #null: Uint8Array
  readonly #default: Uint8Array | null
  readonly #reader = new KeyReader()
  /** What is written with escapes or quotes, as it is meant. */
  #scratch = new Uint8Array(256)

  constructor(table: string, keys: readonly PlacedKey[], map: ShardMap, format: CopyFormat) {
    this.#table = table
    this.#keys = keys
    this.#map = map
    this.#format = format
    this.#null = ENCODER.encode(format.kind === 'binary' ? '' : format.null)
    this.#default =
      format.kind === 'binary' || format.default === null ? null : ENCODER.encode(format.default)
  }

  /** The shard of the row that begins at `from`, as an index of the map's. Throws CopyError. */
  locate(row: Uint8Array, from: number, scan: RowScan): number {
    const [first] = this.#keys
    if (this.#keys.length === 1) {
      this.#read(first as PlacedKey, row, from, scan)
      return locateRead(this.#map, this.#reader)
    }
    const values = this.#keys.map((key): KeyValue => {
      this.#read(key, row, from, scan)
      const { family, bytes, length } = this.#reader
      return family === 'integer' ? toBigInt(this.#reader) : bytes.slice(0, length)
    })
    return locateRow(
      this.#map,
      this.#keys.map(({ type }) => type),
      values,
    )
  }

  #read(key: PlacedKey, row: Uint8Array, from: number, scan: RowScan): void {
    const { place } = key
    if (place >= scan.columns) throw badFormat(`missing data for column "${key.column}"`)
    const start = from + (scan.starts[place] as number)
    const isLast = place + 1 === scan.columns
    if (this.#format.kind === 'binary') {
      this.#readBinary(key, row, start)
      return
    }
    const end = from + (isLast ? scan.end : (scan.starts[place + 1] as number) - 1)
    const isPlain = !scan.isWritten && this.#default === null
    if (isPlain && readShortInteger(row, start, end, key.type, this.#reader))
      if (!this.#isSame(row, start, end, this.#null)) return
    this.#readText(key, row, start, end, scan.isWritten)
  }

  #readBinary(key: PlacedKey, row: Uint8Array, start: number): void {
    const length = new DataView(row.buffer, row.byteOffset).getInt32(start)
    if (length === BINARY_NULL) throw this.#isNull(key)
    const value = row.subarray(start + 4, start + 4 + length)
    checkSpaces(key, value)
    try {
      this.#reader.readWire(key.type, value, 'binary')
    } catch (error) {
      if (!(error instanceof HerdError)) throw error
      if (familyOf(key.type) === 'text') throw holdsNul()
      throw new CopyError(INVALID_BINARY_REPRESENTATION, `incorrect binary data format (${error.message})`)
    }
  }

  #readText(key: PlacedKey, row: Uint8Array, start: number, end: number, isWritten: boolean): void {
    const value = this.#valueOf(key, row, start, end, isWritten)
    if (value === null) throw this.#isNull(key)
    checkSpaces(key, value)
    try {
      if (familyOf(key.type) === 'integer') this.#readInteger(key.type, value)
      else this.#reader.readWire(key.type, value, 'text')
    } catch (error) {
      if (!(error instanceof HerdError)) throw error
      if (familyOf(key.type) === 'text') throw holdsNul()
      throw notRead(key.type, value)
    }
  }

  #readInteger(type: KeyType, value: Uint8Array): void {
    const text = DECODER.decode(value)
    if (!WHOLE_NUMBER.test(text)) throw notRead(type, value)
    try {
      this.#reader.read(type, text)
    } catch {
      throw new CopyError(
        NUMERIC_VALUE_OUT_OF_RANGE,
        `value "${text}" is out of range for type ${SQL_NAMES[type]}`,
      )
    }
  }

  /** What a column means; null is NULL. Good until the next one is read. */
  #valueOf(
    key: PlacedKey,
    row: Uint8Array,
    start: number,
    end: number,
    isWritten: boolean,
  ): Uint8Array | null {
    const format = this.#format as Exclude<CopyFormat, { kind: 'binary' }>
    const isQuoted = format.kind === 'csv' && isWritten && row.subarray(start, end).includes(quoteOf(format))
    const isNull = !isQuoted && this.#isSame(row, start, end, this.#null)
    if (format.kind === 'csv' && isNull && isChosen(format.forceNotNull, key.column)) return this.#null
    if (isNull) return null
    if (!isQuoted && this.#default !== null && this.#isSame(row, start, end, this.#default))
      throw new CopyError(
        FEATURE_NOT_SUPPORTED,
        `column "${key.column}" places its row and cannot be the default`,
      )
    if (!isWritten) return row.subarray(start, end)
    if (this.#scratch.length < end - start) this.#scratch = new Uint8Array(2 * (end - start))
    const length =
      format.kind === 'text'
        ? readTextField(row, start, end, this.#scratch)
        : readCsvField(row, start, end, quoteOf(format), format.escape.charCodeAt(0), this.#scratch)
    const value = this.#scratch.subarray(0, length)
    const forced = format.kind === 'csv' && isChosen(format.forceNull, key.column)
    return forced && this.#isSame(value, 0, length, this.#null) ? null : value
  }

  #isSame(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
    if (end - start !== wanted.length) return false
    for (let at = start; at < end; at++) if (bytes[at] !== wanted[at - start]) return false
    return true
  }

  #isNull({ column }: PlacedKey): CopyError {
    return new CopyError(
      NOT_NULL_VIOLATION,
      `null value in column "${column}" of relation "${this.#table}" violates not-null constraint`,
      'A shard key places its row and cannot be NULL.',
    )
  }
}

function quoteOf({ quote }: { readonly quote: string }): number {
  return quote.charCodeAt(0)
}

function isChosen(choice: ColumnChoice, column: string): boolean {
  return choice === 'all' || choice.includes(column)
}

/** Reads a whole number of few digits, which most keys are; false: it is something else. */
function readShortInteger(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: KeyType,
  into: KeyReader,
): boolean {
  if (type !== 'int8' && type !== 'int4') return false
  const isNegative = bytes[start] === MINUS
  const first = isNegative ? start + 1 : start
  if (first >= end || end - first > SHORT_DIGITS) return false
  let number = 0
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return false
    number = number * 10 + digit
  }
  into.family = 'integer'
  into.low = isNegative ? -number | 0 : number
  into.high = into.low >> 31
  return true
}

/** A varchar(3) cuts 'abc  ' to 'abc', and nobody here knows its length. */
function checkSpaces({ column, type }: PlacedKey, value: Uint8Array): void {
  if (type === 'varchar' && value.at(-1) === SPACE)
    throw new CopyError(
      FEATURE_NOT_SUPPORTED,
      `column "${column}" places its row and ends with spaces, which character varying may cut off`,
    )
}

function notRead(type: KeyType, value: Uint8Array): CopyError {
  return new CopyError(
    INVALID_TEXT_REPRESENTATION,
    `invalid input syntax for type ${SQL_NAMES[type]}: "${DECODER.decode(value.subarray(0, 100))}"`,
    familyOf(type) === 'integer' ? 'A shard key is read in decimal notation only.' : undefined,
  )
}

function holdsNul(): CopyError {
  return new CopyError(CHARACTER_NOT_IN_REPERTOIRE, 'invalid byte sequence for encoding "UTF8": 0x00')
}
