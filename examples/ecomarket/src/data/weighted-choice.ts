import type { Random } from './random.js'

/** Chooses an index of `weights`, each with a share in proportion to its weight. */
export function weightedChoice(weights: readonly number[]): (random: Random) => number {
  const cumulative: number[] = []
  let total = 0
  for (const weight of weights) {
    total += weight
    cumulative.push(total)
  }
  return (random) => firstAbove(cumulative, random() * total)
}

/**
 * Chooses an index as people choose among `count` things ranked by popularity: the one at rank r with a
 * share in proportion to 1 / r^exponent (Zipf's law). With 0.8, the first tenth of 1,000 draws over half.
 */
export function zipfChoice(count: number, exponent: number): (random: Random) => number {
  return weightedChoice(Array.from({ length: count }, (_, index) => (index + 1) ** -exponent))
}

function firstAbove(ascending: readonly number[], wanted: number): number {
  let [low, high] = [0, ascending.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) <= wanted) low = middle + 1
    else high = middle
  }
  return low
}
