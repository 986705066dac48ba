import { HerdError } from '../errors.js'
import type { Halves } from './halves.js'

export type IntegerType = 'int2' | 'int4' | 'int8'

const BITS: Record<IntegerType, number> = { int2: 16, int4: 32, int8: 64 }
const DECIMAL = /^[ \t\n\v\f\r]*([+-]?\d+)[ \t\n\v\f\r]*$/

/**
 * Reads a whole number from what an application gives for it, into halves. Of PostgreSQL's notations
 * only decimal ones are known; another is refused rather than guessed. Throws `SHARD_KEY_INVALID`.
 */
export function readInteger(type: IntegerType, value: number | bigint | string, into: Halves): void {
  if (typeof value === 'number') readNumber(type, value, into)
  else if (typeof value === 'bigint') readBigInt(type, value, into)
  else readDigits(type, value, into)
}

function readDigits(type: IntegerType, text: string, into: Halves): void {
  const digits = DECIMAL.exec(text)?.[1]
  if (digits === undefined) throw notAnInteger(type, JSON.stringify(text.slice(0, 60)))
  // Fifteen digits are exact in a number.
  if (digits.length <= 15) readNumber(type, Number(digits), into)
  else readBigInt(type, BigInt(digits.replace('+', '')), into)
}

function readNumber(type: IntegerType, value: number, into: Halves): void {
  if (!Number.isSafeInteger(value)) {
    const why = Number.isInteger(value) ? ', which a number cannot hold exactly; give it as a bigint' : ''
    throw notAnInteger(type, `${value}${why}`)
  }
  if (type !== 'int8' && outOfRange(value, BITS[type])) throw tooLarge(type, value)
  into.high = Math.floor(value / 2 ** 32)
  into.low = value | 0
}

function outOfRange(value: number, bits: number): boolean {
  return value < -(2 ** (bits - 1)) || value >= 2 ** (bits - 1)
}

function readBigInt(type: IntegerType, value: bigint, into: Halves): void {
  if (BigInt.asIntN(BITS[type], value) !== value) throw tooLarge(type, value)
  into.high = Number(BigInt.asIntN(32, value >> 32n))
  into.low = Number(BigInt.asIntN(32, value))
}

const DECODER = new TextDecoder('utf-8', { ignoreBOM: true })
const MINUS = 45

/** Reads PostgreSQL's text format, as drivers send most numbers: few digits, one after the other. */
export function readTextInteger(type: IntegerType, bytes: Uint8Array, into: Halves): void {
  const negative = bytes[0] === MINUS
  const first = negative ? 1 : 0
  let number = 0
  let at = first
  for (; at < bytes.length; at++) {
    const digit = (bytes[at] as number) - 48
    if (digit < 0 || digit > 9) break
    number = number * 10 + digit
  }
  // Fifteen digits are exact in a number; what is longer, or is something else, goes the general way.
  if (at === bytes.length && at > first && at - first <= 15)
    readNumber(type, negative ? -number : number, into)
  else readDigits(type, DECODER.decode(bytes), into)
}

/** Reads PostgreSQL's binary format: big-endian, as many bytes as the type has. */
export function readBinaryInteger(type: IntegerType, bytes: Uint8Array, into: Halves): void {
  if (bytes.length !== BITS[type] / 8)
    throw new HerdError('SHARD_KEY_INVALID', `${type} has ${BITS[type] / 8} bytes, not ${bytes.length}.`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  into.low = type === 'int2' ? view.getInt16(0) : view.getInt32(bytes.length - 4)
  into.high = type === 'int8' ? view.getInt32(0) : into.low >> 31
}

function notAnInteger(type: IntegerType, shown: string): HerdError {
  return new HerdError('SHARD_KEY_INVALID', `A shard key of type ${type} cannot be ${shown}.`)
}

function tooLarge(type: IntegerType, value: number | bigint): HerdError {
  return new HerdError('SHARD_KEY_INVALID', `${value} is out of range for a shard key of type ${type}.`)
}
