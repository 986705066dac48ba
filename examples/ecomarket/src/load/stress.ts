import { type Spread, spreadOf } from './percentiles.js'

export interface Stress {
  /** Each does one thing after the other. */
  callers: number
  ms: number
  /** Does one thing for this caller; what it throws is counted. */
  act: (caller: number) => Promise<void>
  signal: AbortSignal
}

export interface StressResult {
  ms: number
  done: number
  failed: number
  /** What the first failure said. */
  failure: string | null
  perSecond: number
  latencyMs: Spread | null
}

/** Lets callers act for a time, and counts what was done by its end. */
export async function runStress({ callers, ms, act, signal }: Stress): Promise<StressResult> {
  const latencies: number[] = []
  let failed = 0
  let failure: string | null = null
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + ms
  const call = async (caller: number): Promise<void> => {
    while (!signal.aborted && performance.now() < endsAtMs) {
      const begunAtMs = performance.now()
      try {
        await act(caller)
        latencies.push(performance.now() - begunAtMs)
      } catch (error) {
        failed++
        failure ??= error instanceof Error ? error.message : String(error)
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
  const tookMs = performance.now() - startedAtMs
  return {
    ms: tookMs,
    done: latencies.length,
    failed,
    failure,
    perSecond: (latencies.length * 1000) / tookMs,
    latencyMs: spreadOf(latencies),
  }
}

/** Of several stretches of the same stress one; its percentiles are those of the worst. */
export function joinResults(results: readonly StressResult[]): StressResult {
  const sum = (of: (result: StressResult) => number): number => results.reduce((all, one) => all + of(one), 0)
  const worst = (of: keyof Spread): number =>
    Math.max(...results.map(({ latencyMs }) => latencyMs?.[of] ?? 0))
  const [ms, done] = [sum((one) => one.ms), sum((one) => one.done)]
  return {
    ms,
    done,
    failed: sum((one) => one.failed),
    failure: results.find(({ failure }) => failure !== null)?.failure ?? null,
    perSecond: ms === 0 ? 0 : (done * 1000) / ms,
    latencyMs:
      done === 0
        ? null
        : { median: worst('median'), p95: worst('p95'), p99: worst('p99'), max: worst('max') },
  }
}
