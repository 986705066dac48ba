/** What a pool has done since it was made. Plain numbers, so that any metrics library can read them. */
export interface PoolStatistics {
  /** Statements given to a node, by its role then and by connection. */
  readonly statements: { readonly primary: LaneCounts; readonly standby: LaneCounts }
  /** Reads that waited for a standby to replay what their session wrote. */
  readonly replayWaits: number
  /** Statements a lane gave up on because they took too long. */
  readonly lanePatienceEnded: number
  /** Statements sent again after a failure. */
  readonly repeats: number
  /** Writes that ended in OUTCOME_UNKNOWN. */
  readonly unknown: number
  readonly failovers: number
}

export interface LaneCounts {
  readonly lane: number
  readonly own: number
}

/** The counters themselves. */
export class Statistics {
  readonly #counts = { primary: { lane: 0, own: 0 }, standby: { lane: 0, own: 0 } }
  replayWaits = 0
  lanePatienceEnded = 0
  repeats = 0
  unknown = 0
  failovers = 0

  count(role: 'primary' | 'standby', lane: boolean): void {
    this.#counts[role][lane ? 'lane' : 'own']++
  }

  read(): PoolStatistics {
    const { replayWaits, lanePatienceEnded, repeats, unknown, failovers } = this
    return {
      statements: { primary: { ...this.#counts.primary }, standby: { ...this.#counts.standby } },
      replayWaits,
      lanePatienceEnded,
      repeats,
      unknown,
      failovers,
    }
  }
}
