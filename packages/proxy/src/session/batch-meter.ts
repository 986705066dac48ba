import { LatencyHistogram } from '@pgherd/client/internal'

/** Counts what becomes of batches. */
export class BatchMeter {
  readonly latency = new LatencyHistogram()
  readonly batches = { primary: { lane: 0, own: 0 }, standby: { lane: 0, own: 0 } }
  /** Errors that clients were told, by the class of their SQLSTATE: its first two characters. */
  readonly errors = new Map<string, number>()
  /** Batches that had to wait for a node, and that were held back by a pause. */
  readonly waits = { node: 0, pause: 0 }

  sent(role: 'primary' | 'standby', connection: 'lane' | 'own'): void {
    this.batches[role][connection]++
  }

  answered(tookMs: number): void {
    this.latency.observe(tookMs)
  }

  failed(sqlState: string | null): void {
    const kind = (sqlState ?? 'XX').slice(0, 2)
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1)
  }
}
