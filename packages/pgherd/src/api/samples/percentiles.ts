/**
 * Percentiles of what was counted in buckets: within a bucket durations are taken to lie evenly (as Prometheus'
 * histogram_quantile does). What is beyond the last bound counts as that bound.
 */
export function percentileOf(
  boundsMs: readonly number[],
  counts: readonly number[],
  fraction: number,
): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = fraction * total
  let below = 0
  for (const [at, count] of counts.entries()) {
    const [from, to] = [boundsMs[at - 1] ?? 0, boundsMs[at]]
    if (to === undefined) return from
    if (below + count >= wanted) return from + ((to - from) * (wanted - below)) / count
    below += count
  }
  return boundsMs.at(-1) ?? null
}
