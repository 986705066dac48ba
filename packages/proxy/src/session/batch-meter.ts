import { LatencyHistogram, type LatencySnapshot } from '@pgherd/client/internal'

/** What was counted until now. */
export interface MeterFacts {
  readonly latency: LatencySnapshot
  readonly batches: Readonly<Record<'primary' | 'standby', { readonly lane: number; readonly own: number }>>
  /** Batches given to each node, by whether they only read. */
  readonly byNode: ReadonlyMap<string, NodeCounts>
  /** By the class of their SQLSTATE. */
  readonly errors: ReadonlyMap<string, number>
  readonly waits: { readonly node: number; readonly pause: number }
}

export interface NodeCounts {
  reads: number
  writes: number
}

/** Counts what becomes of batches. */
export class BatchMeter {
  readonly latency = new LatencyHistogram()
  readonly batches = { primary: { lane: 0, own: 0 }, standby: { lane: 0, own: 0 } }
  readonly byNode = new Map<string, NodeCounts>()
  /** Errors that clients were told, by the class of their SQLSTATE: its first two characters. */
  readonly errors = new Map<string, number>()
  /** Batches that had to wait for a node, and that were held back by a pause. */
  readonly waits = { node: 0, pause: 0 }

  sent(role: 'primary' | 'standby', connection: 'lane' | 'own', node: string, reads: boolean): void {
    this.batches[role][connection]++
    this.count(node, reads)
  }

  /** One of several nodes that a batch was given to. */
  count(node: string, reads: boolean): void {
    let counts = this.byNode.get(node)
    if (counts === undefined) {
      counts = { reads: 0, writes: 0 }
      this.byNode.set(node, counts)
    }
    if (reads) counts.reads++
    else counts.writes++
  }

  answered(tookMs: number): void {
    this.latency.observe(tookMs)
  }

  failed(sqlState: string | null): void {
    const kind = (sqlState ?? 'XX').slice(0, 2)
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1)
  }

  read(): MeterFacts {
    const { primary, standby } = this.batches
    return {
      latency: this.latency.read(),
      batches: { primary: { ...primary }, standby: { ...standby } },
      byNode: new Map([...this.byNode].map(([node, counts]) => [node, { ...counts }])),
      errors: new Map(this.errors),
      waits: { ...this.waits },
    }
  }
}
