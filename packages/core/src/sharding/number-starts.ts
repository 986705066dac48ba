import { fromBigInt } from './halves.js'

/**
 * Where stretches begin on a line of numbers, in order. `buckets` cuts the line into equal parts, a
 * power of two of them, and says which stretch each part begins in: where stretches are spread evenly,
 * as hashes are, a search is over before it has begun.
 */
export interface NumberStarts {
  readonly kind: 'numbers'
  /** The upper halves, signed, and the lower ones, unsigned. */
  readonly highs: Int32Array
  readonly lows: Uint32Array
  readonly buckets: Uint32Array
  /** By how much an upper half is shifted to be the number of its bucket. */
  readonly shift: number
}

/** Beyond this the buckets no longer fit the cache of a core and the search grows slower again. */
const MOST_BUCKETS = 2 ** 16

export function packNumberStarts(starts: readonly bigint[]): NumberStarts {
  const highs = new Int32Array(starts.length)
  const lows = new Uint32Array(starts.length)
  for (const [index, start] of starts.entries()) {
    const { high, low } = fromBigInt(start)
    highs[index] = high
    lows[index] = low
  }
  return numberStartsOf(highs, lows)
}

/** The same of halves that are in order already. They are kept, not copied. */
export function numberStartsOf(highs: Int32Array, lows: Uint32Array): NumberStarts {
  const bits = Math.ceil(Math.log2(Math.min(MOST_BUCKETS, Math.max(2, 2 * highs.length))))
  const shift = 32 - bits
  return { kind: 'numbers', highs, lows, buckets: cutIntoBuckets(highs, lows, shift), shift }
}

/** One more than there are, so that each also has an end. */
function cutIntoBuckets(highs: Int32Array, lows: Uint32Array, shift: number): Uint32Array {
  const buckets = new Uint32Array(2 ** (32 - shift) + 1)
  let stretch = 0
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    const beginning = bucket * 2 ** shift - 2 ** 31
    while (stretch + 1 < highs.length && !startsAfter(highs, lows, stretch + 1, beginning, 0)) stretch++
    buckets[bucket] = stretch
  }
  return buckets
}

function startsAfter(
  highs: Int32Array,
  lows: Uint32Array,
  stretch: number,
  high: number,
  low: number,
): boolean {
  const start = highs[stretch] as number
  return start > high || (start === high && (lows[stretch] as number) > low)
}

/** The stretch a position lies in; halves may be signed or not as they come. */
export function findNumber(starts: NumberStarts, high: number, low: number): number {
  const { highs, lows, buckets } = starts
  const bucket = (high ^ 0x80000000) >>> starts.shift
  let first = buckets[bucket] as number
  let last = buckets[bucket + 1] as number
  while (first < last) {
    const middle = (first + last + 1) >>> 1
    if (startsAfter(highs, lows, middle, high | 0, low >>> 0)) last = middle - 1
    else first = middle
  }
  return first
}

/** The positions at which stretches begin. */
export function numberStartAt(starts: NumberStarts, stretch: number): bigint {
  return (BigInt(starts.highs[stretch] as number) << 32n) | BigInt(starts.lows[stretch] as number)
}
