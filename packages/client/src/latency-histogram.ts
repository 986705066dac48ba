/** Upper bounds of the buckets in milliseconds; what takes longer is counted in one more. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
]

/** How long statements took, as metrics libraries take it: each bucket counts its own only. */
export interface LatencySnapshot {
  readonly boundsMs: readonly number[]
  readonly counts: readonly number[]
  readonly count: number
  readonly sumMs: number
}

/** Counts durations in buckets of fixed bounds. */
export class LatencyHistogram {
  readonly #counts: number[] = new Array(LATENCY_BOUNDS_MS.length + 1).fill(0)
  #count = 0
  #sumMs = 0

  observe(ms: number): void {
    let at = 0
    while (at < LATENCY_BOUNDS_MS.length && ms > (LATENCY_BOUNDS_MS[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#count++
    this.#sumMs += ms
  }

  read(): LatencySnapshot {
    return {
      boundsMs: LATENCY_BOUNDS_MS,
      counts: [...this.#counts],
      count: this.#count,
      sumMs: this.#sumMs,
    }
  }
}
