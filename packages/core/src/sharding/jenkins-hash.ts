import type { Halves } from './halves.js'

/** `0x9e3779b9`, a number without a pattern, and what PostgreSQL adds to it. */
const START = (0x9e3779b9 + 3923095) | 0

/**
 * The 64-bit hash of bytes that PostgreSQL uses, put into `into`.
 *
 * Bob Jenkins, "lookup3.c" (May 2006, public domain); in PostgreSQL `hash_bytes_extended`
 * (src/common/hashfn.c), which keeps the lowest byte of the third word free in the last block. A seed
 * counts as a block before the first. Words are put together from bytes, so the result is that of a
 * little-endian server whatever machine this is.
 */
export function hashBytes(bytes: Uint8Array, length: number, seed: Halves, into: Halves): void {
  let a = (START + length) | 0
  let b = a
  let c = a
  let at = seed.high === 0 && seed.low === 0 ? 0 : -12
  for (; at + 12 <= length; at += 12) {
    if (at < 0) {
      a = (a + seed.high) | 0
      b = (b + seed.low) | 0
    } else {
      a = (a + wordAt(bytes, at)) | 0
      b = (b + wordAt(bytes, at + 4)) | 0
      c = (c + wordAt(bytes, at + 8)) | 0
    }
    a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28))
    c = (c + b) | 0
    b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26))
    a = (a + c) | 0
    c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24))
    b = (b + a) | 0
    a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16))
    c = (c + b) | 0
    b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13))
    a = (a + c) | 0
    c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28))
    b = (b + a) | 0
  }
  const rest = length - at
  if (rest >= 8) {
    b = (b + wordAt(bytes, at + 4)) | 0
    c = (c + (partAt(bytes, at + 8, rest - 8) << 8)) | 0
  } else if (rest > 4) {
    b = (b + partAt(bytes, at + 4, rest - 4)) | 0
  }
  a = (a + (rest >= 4 ? wordAt(bytes, at) : partAt(bytes, at, rest))) | 0
  finish(a, b, c, into)
}

/** The same as `hashBytes` of its four bytes; `hash_bytes_uint32_extended` in PostgreSQL. */
export function hashUint32(word: number, seed: Halves, into: Halves): void {
  if (seed.high === 0 && seed.low === 0) {
    const start = (START + 4) | 0
    finish((start + word) | 0, start, start, into)
    return
  }
  FOUR_BYTES.setInt32(0, word, true)
  hashBytes(FOUR, 4, seed, into)
}

const FOUR = new Uint8Array(4)
const FOUR_BYTES = new DataView(FOUR.buffer)

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** Up to three bytes as a word. */
function partAt(bytes: Uint8Array, at: number, count: number): number {
  let word = 0
  if (count > 0) word = bytes[at] as number
  if (count > 1) word |= (bytes[at + 1] as number) << 8
  if (count > 2) word |= (bytes[at + 2] as number) << 16
  return word
}

function finish(a: number, b: number, c: number, into: Halves): void {
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0
  c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0
  into.high = b
  into.low = c
}
