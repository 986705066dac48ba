import { LatencyHistogram, type LatencySnapshot } from './latency-histogram.js'

/**
 * What a pool has done since it was made, and what it has now. Plain numbers, so that any metrics library
 * can read them.
 */
export interface PoolStatistics {
  /** Statements given to a node, by its role then and by connection. */
  readonly statements: { readonly primary: LaneCounts; readonly standby: LaneCounts }
  /** From the call of `query` to its answer, waits and repeats included, by the role of the last node. */
  readonly latency: { readonly primary: LatencySnapshot; readonly standby: LatencySnapshot }
  /** Statements that ended in an error. */
  readonly errors: number
  /** Reads that waited for a standby to replay what their session wrote. */
  readonly replayWaits: number
  /** Statements a lane gave up on because they took too long. */
  readonly lanePatienceEnded: number
  /** Statements sent again after a failure. */
  readonly repeats: number
  /** Writes that ended in OUTCOME_UNKNOWN. */
  readonly unknown: number
  readonly failovers: number
  /** Callers that wait now, for a node or for a connection. */
  readonly waiting: number
  /** Connections by node, now. */
  readonly nodes: Readonly<Record<string, NodeCounts>>
  /** What is remembered of statements. */
  readonly cache: CacheCounts
}

export interface LaneCounts {
  readonly lane: number
  readonly own: number
}

export interface NodeCounts {
  readonly lanes: number
  /** Statements under way on lanes. */
  readonly onLanes: number
  /** Connections that callers have to themselves, lent or idle. */
  readonly own: number
  readonly idle: number
  readonly waiting: number
}

export interface CacheCounts {
  readonly texts: number
  readonly shapes: number
  /** An estimate, of both. */
  readonly bytes: number
}

type Role = 'primary' | 'standby'

/** The counters themselves. */
export class Statistics {
  readonly #counts = { primary: { lane: 0, own: 0 }, standby: { lane: 0, own: 0 } }
  readonly #latency = { primary: new LatencyHistogram(), standby: new LatencyHistogram() }
  errors = 0
  replayWaits = 0
  lanePatienceEnded = 0
  repeats = 0
  unknown = 0
  failovers = 0

  count(role: Role, lane: boolean): void {
    this.#counts[role][lane ? 'lane' : 'own']++
  }

  observe(role: Role, ms: number): void {
    this.#latency[role].observe(ms)
  }

  read(now: Pick<PoolStatistics, 'waiting' | 'nodes' | 'cache'>): PoolStatistics {
    const { errors, replayWaits, lanePatienceEnded, repeats, unknown, failovers } = this
    return {
      statements: { primary: { ...this.#counts.primary }, standby: { ...this.#counts.standby } },
      latency: { primary: this.#latency.primary.read(), standby: this.#latency.standby.read() },
      errors,
      replayWaits,
      lanePatienceEnded,
      repeats,
      unknown,
      failovers,
      ...now,
    }
  }
}
