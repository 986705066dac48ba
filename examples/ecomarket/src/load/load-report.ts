import type { StrategiesCompared } from './compare-strategies.js'
import type { FailoverMeasured } from './measure-failover.js'
import type { LagMeasured } from './measure-lag.js'
import type { ReadsMeasured } from './measure-reads.js'
import type { SingleMeasured } from './measure-single.js'
import type { WritesMeasured } from './measure-writes.js'

/** All that was measured, and on what. */
export interface LoadReport {
  /** ISO 8601, of the beginning. */
  at: string
  machine: { cores: number; cpu: string; memoryGiB: number; system: string; node: string }
  herd: {
    name: string
    wasRunning: boolean
    groups: { name: string; nodes: number; durability: string }[]
  }
  run: { seconds: number; tookSeconds: number; callers: number; users: number }
  writes: WritesMeasured
  reads: ReadsMeasured
  lag: LagMeasured
  failover: FailoverMeasured
  strategies: StrategiesCompared
  single: SingleMeasured
}

/** Whether nothing acknowledged was lost, and nothing took effect that was said not to. */
export function isKept({ failover, single }: LoadReport): boolean {
  return [failover, single.failover].every(({ lost, contradicted }) => lost === 0 && contradicted === 0)
}
