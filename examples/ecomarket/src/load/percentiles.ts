/** How a set of measured values is spread. */
export interface Spread {
  median: number
  p95: number
  p99: number
  max: number
}

/** By nearest rank. Null: nothing was measured. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((one, other) => one - other)
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] as number
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

/** The fullest over the mean; 1 is perfect, null is nothing. */
export function imbalanceOf(counts: readonly number[]): number | null {
  const sum = counts.reduce((all, count) => all + count, 0)
  return sum === 0 ? null : (Math.max(...counts) * counts.length) / sum
}
