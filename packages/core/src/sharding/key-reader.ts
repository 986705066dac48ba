import { HerdError } from '../errors.js'
import type { Halves } from './halves.js'
import { familyOf, type KeyFamily, type KeyType, type KeyValue } from './key-type.js'
import { type IntegerType, readBinaryInteger, readInteger, readTextInteger } from './read-integer.js'
import { readUuid, UUID_BYTES } from './read-uuid.js'

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * One value of a shard key at a time, in the form in which it is hashed and compared: a whole number in
 * `high` and `low`, or the first `length` of `bytes`. It is read into the same place again and again,
 * so that reading makes no garbage.
 */
export class KeyReader implements Halves {
  family: KeyFamily = 'integer'
  high = 0
  low = 0
  /** Only until the next value is read. */
  bytes: Uint8Array
  length = 0
  #own = new Uint8Array(256)

  constructor() {
    this.bytes = this.#own
  }

  /**
   * Reads a JavaScript value as a driver would send it for a column of this type. Text is UTF-8, as
   * the database must have it too. Throws `SHARD_KEY_INVALID`.
   */
  read(type: KeyType, value: KeyValue): void {
    this.family = familyOf(type)
    if (value === null || value === undefined) throw isNull()
    if (value instanceof Uint8Array) this.readWire(type, value, this.family === 'text' ? 'text' : 'binary')
    else if (this.family === 'integer') readInteger(type as IntegerType, checkScalar(type, value), this)
    else if (this.family === 'text') this.#readText(String(checkScalar(type, value)))
    else this.#readUuid(type, value)
  }

  /** Reads what stands in a message: the type's text or binary format. Throws `SHARD_KEY_INVALID`. */
  readWire(type: KeyType, bytes: Uint8Array, format: 'text' | 'binary'): void {
    this.family = familyOf(type)
    if (this.family === 'text') this.#readTextBytes(bytes)
    else if (this.family === 'integer') {
      if (format === 'binary') readBinaryInteger(type as IntegerType, bytes, this)
      else readTextInteger(type as IntegerType, bytes, this)
    } else if (format === 'text') this.#readUuid(type, DECODER.decode(bytes))
    else this.#readUuidBytes(bytes)
  }

  #readText(text: string): void {
    const { length } = text
    const own = this.#roomFor(3 * length)
    let at = 0
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      // NUL goes the same way as what is not ASCII: one test for both, millions of times a second.
      if ((code - 1) >>> 0 >= 127) break
      own[at] = code
    }
    this.length = at === length ? length : encode(text, own)
  }

  #readTextBytes(bytes: Uint8Array): void {
    if (bytes.includes(0)) throw holdsNul()
    this.bytes = bytes
    this.length = bytes.length
  }

  #readUuid(type: KeyType, value: KeyValue): void {
    if (typeof value !== 'string') throw ofAnotherType(type, value)
    readUuid(value, this.#roomFor(UUID_BYTES))
    this.length = UUID_BYTES
  }

  #readUuidBytes(bytes: Uint8Array): void {
    if (bytes.length !== UUID_BYTES)
      throw new HerdError('SHARD_KEY_INVALID', `uuid has ${UUID_BYTES} bytes, not ${bytes.length}.`)
    this.bytes = bytes
    this.length = UUID_BYTES
  }

  #roomFor(length: number): Uint8Array {
    if (this.#own.length < length) this.#own = new Uint8Array(2 * length)
    this.bytes = this.#own
    return this.#own
  }
}

function encode(text: string, into: Uint8Array): number {
  if (text.includes('\0')) throw holdsNul()
  return ENCODER.encodeInto(text, into).written
}

/** Drivers turn numbers into text; what they make of anything else is theirs to know. */
function checkScalar(type: KeyType, value: KeyValue): number | bigint | string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
  throw ofAnotherType(type, value)
}

function ofAnotherType(type: KeyType, value: unknown): HerdError {
  return new HerdError('SHARD_KEY_INVALID', `A shard key of type ${type} cannot be a ${typeof value}.`)
}

function isNull(): HerdError {
  return new HerdError('SHARD_KEY_INVALID', 'A shard key cannot be NULL.')
}

function holdsNul(): HerdError {
  return new HerdError('SHARD_KEY_INVALID', 'Text in PostgreSQL cannot hold the character NUL.')
}
