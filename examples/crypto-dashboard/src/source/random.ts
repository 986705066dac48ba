/** A source of chance: the next number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number

/**
 * The same numbers for the same seed, on every machine: SplitMix32, the 32-bit sibling of Steele, Lea and
 * Flood's SplitMix64 ("Fast splittable pseudorandom number generators", OOPSLA 2014), with MurmurHash3's
 * finalizer. Good enough for a walk that is only looked at.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return ((z ^ (z >>> 16)) >>> 0) / 0x1_0000_0000
  }
}

/** Normally distributed around 0 with deviation 1 (Box and Muller, 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
