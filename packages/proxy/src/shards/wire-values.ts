import { type KeyReading, type KeyValues, readArrayText, readKeyText } from '@pgherd/core/routing'
import { familyOf, type KeyFamily, type KeyReader, type KeyType } from '@pgherd/core/sharding'
import type { ValueRef } from '@pgherd/core/sql'
import { ProtocolViolation } from '../protocol/protocol-violation.js'

/** A parameter as a Bind has it. */
export interface WireValue {
  /** Null: SQL's NULL. */
  readonly bytes: Buffer | null
  readonly isBinary: boolean
  /** Its type's number as Parse named it; 0: the server finds out. */
  readonly type: number
}

/** A value as text; the server finds out its type. */
export function textValue(text: string | null): WireValue {
  return { bytes: text === null ? null : Buffer.from(text), isBinary: false, type: 0 }
}

/** What a Bind says after its names. */
export interface BindBody {
  readonly values: readonly WireValue[]
  /** The formats of the columns of its result, as they stand there. */
  readonly resultFormats: Buffer
}

/** Reads a Bind from `rest` on; `types` are those of its Parse. Throws ProtocolViolation. */
export function readBindBody(message: Buffer, rest: number, types: Buffer): BindBody {
  const values: WireValue[] = []
  const end = readValues(message, rest, types, values)
  return { values, resultFormats: message.subarray(end) }
}

/** The same of its values alone, into `values`. Returns where they end. Throws ProtocolViolation. */
export function readValues(message: Buffer, rest: number, types: Buffer, values: WireValue[]): number {
  try {
    const count = message.readUInt16BE(rest)
    let at = rest + 2 + 2 * count
    const named = types.readUInt16BE(0)
    const given = message.readUInt16BE(at)
    at += 2
    for (let index = 0; index < given; index++) {
      const length = message.readInt32BE(at)
      at += 4
      if (at + Math.max(length, 0) > message.length) throw new RangeError('too long')
      const format = count === 1 ? 0 : index
      values.push({
        bytes: length < 0 ? null : message.subarray(at, at + length),
        isBinary: format < count && message.readUInt16BE(rest + 2 + 2 * format) === 1,
        type: index < named ? types.readUInt32BE(2 + 4 * index) : 0,
      })
      at += Math.max(length, 0)
    }
    return at
  } catch (error) {
    if (error instanceof RangeError) throw new ProtocolViolation('insufficient data left in message')
    throw error
  }
}

/** A Bind of the unnamed portal to the unnamed statement. */
export function bindBody({ values, resultFormats }: BindBody): Buffer[] {
  const head = Buffer.alloc(2 + 2 * values.length + 2)
  head.writeUInt16BE(values.length, 0)
  for (const [index, { isBinary }] of values.entries()) head.writeUInt16BE(isBinary ? 1 : 0, 2 + 2 * index)
  head.writeUInt16BE(values.length, 2 + 2 * values.length)
  const parts = values.flatMap(({ bytes }) => {
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(bytes?.length ?? -1)
    return bytes === null ? [length] : [length, bytes]
  })
  return [head, ...parts, resultFormats]
}

/** Types by number, of which shard keys are: pg_type.dat. */
const FAMILIES: ReadonlyMap<number, KeyFamily> = new Map([
  [20, 'integer'],
  [21, 'integer'],
  [23, 'integer'],
  [25, 'text'],
  [1043, 'text'],
  [2950, 'uuid'],
])
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1009, 25],
  [1015, 1043],
  [2951, 2950],
])
const WIDTHS: Record<string, number> = { int2: 2, int4: 4, int8: 8 }
const TYPE_WIDTHS: ReadonlyMap<number, number> = new Map([
  [21, 2],
  [23, 4],
  [20, 8],
])
/** Whoever names it leaves the type to the server. */
const UNKNOWN = 705

/** The parameters of one Bind. */
export class WireValues implements KeyValues {
  readonly #values: readonly WireValue[]
  #array: { readonly index: number; readonly elements: readonly WireValue[] | null } | null = null

  constructor(values: readonly WireValue[]) {
    this.#values = values
  }

  read({ index, negative }: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    return negative ? 'unknown' : read(this.#values[index - 1], type, into)
  }

  countElements({ index }: ValueRef): number | null {
    if (this.#values[index - 1]?.bytes === null) return 0
    return this.#elements(index)?.length ?? null
  }

  readElement({ index }: ValueRef, at: number, type: KeyType, into: KeyReader): KeyReading {
    return read(this.#elements(index)?.[at], type, into)
  }

  #elements(index: number): readonly WireValue[] | null {
    if (this.#array?.index !== index) this.#array = { index, elements: elementsOf(this.#values[index - 1]) }
    return this.#array.elements
  }
}

function read(value: WireValue | undefined, type: KeyType, into: KeyReader): KeyReading {
  if (value === undefined) return 'unknown'
  const { bytes, isBinary, type: named } = value
  if (bytes === null) return 'null'
  const isNamed = named !== 0 && named !== UNKNOWN
  const family = familyOf(type)
  // Taken for another type it is compared in another way.
  if (isNamed && FAMILIES.get(named) !== family) return 'unknown'
  if (!isBinary || family === 'text') return readKeyText(bytes.toString('utf8'), type, into)
  if (family === 'integer') {
    const width = isNamed ? TYPE_WIDTHS.get(named) : WIDTHS[type]
    if (bytes.length !== width) return 'unknown'
    const number = width === 8 ? bytes.readBigInt64BE(0) : bytes.readIntBE(0, width)
    return readKeyText(String(number), type, into)
  }
  try {
    into.readWire(type, bytes, 'binary')
    return 'value'
  } catch {
    return 'unknown'
  }
}

function elementsOf(value: WireValue | undefined): WireValue[] | null {
  if (value === undefined || value.bytes === null) return null
  const { bytes, isBinary, type } = value
  const isNamed = type !== 0 && type !== UNKNOWN
  const element = ARRAYS.get(type)
  if (isNamed && element === undefined) return null
  if (isBinary) return readBinaryArray(bytes)
  return (
    readArrayText(bytes.toString('utf8'))?.map((text) => ({
      bytes: text === null ? null : Buffer.from(text),
      isBinary: false,
      type: element ?? 0,
    })) ?? null
  )
}

/** A one-dimensional array; null for any other (`array_send`, src/backend/utils/adt/arrayfuncs.c). */
function readBinaryArray(bytes: Buffer): WireValue[] | null {
  try {
    const dimensions = bytes.readInt32BE(0)
    const type = bytes.readUInt32BE(8)
    if (dimensions === 0) return []
    if (dimensions !== 1) return null
    const elements: WireValue[] = []
    let at = 20
    for (let left = bytes.readInt32BE(12); left > 0; left--) {
      const length = bytes.readInt32BE(at)
      at += 4
      elements.push({ bytes: length < 0 ? null : bytes.subarray(at, at + length), isBinary: true, type })
      at += Math.max(length, 0)
    }
    return at === bytes.length ? elements : null
  } catch {
    return null
  }
}
