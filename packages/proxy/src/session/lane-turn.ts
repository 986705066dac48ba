import { judgeFailure } from '@pgherd/core/routing'
import type { JobOutcome, LaneJob, ProxyLane } from '../server/proxy-lane.js'
import type { Parsing } from '../server/reply-script.js'
import { encodeRequests, withClientNames } from './batch.js'
import type { Batch } from './client-batch.js'
import type { KeyedCall } from './keyed-read.js'
import type { VirtualStatement } from './virtual-statement.js'

/** Whose batch it is hears how it went. */
export interface LaneUser {
  /** It is still under way, and somebody waits for it. */
  isUnderWay(batch: Batch): boolean
  laneAnswered(
    batch: Batch,
    pieces: readonly Buffer[],
    error: string | null,
    unparsed: readonly Parsing[],
  ): void
  /** It has no answer, and what it says of where it may run has changed. */
  run(batch: Batch): void
  /** It has no answer, for something is wrong with the node. */
  failedAt(batch: Batch, node: string, outcome: Unanswered): void
}

/** A batch was cut off, or never sent. */
export type Unanswered = Exclude<JobOutcome, { kind: 'answered' | 'too long' }>

/** Where a batch is run that shares a connection. */
export interface LanePlace {
  readonly node: string
  readonly role: 'primary' | 'standby'
  readonly lane: ProxyLane
}

const QUERY_CANCELED = '57014'
/** Errors of lanes' own making: their patience, and prepared plans and names. */
const LANE_ONLY: ReadonlySet<string> = new Set([QUERY_CANCELED, '26000', '42P05', '0A000'])

/** A standby refuses it, and the primary may not. What is on a lane only reads. */
function isOfStandby(role: 'primary' | 'standby', sqlState: string): boolean {
  return role === 'standby' && judgeFailure({ progress: 'refused', sqlState, role }, true) === 'repeat'
}

/** One batch of a client on a lane. `keyed`: what it is sent as in place of its own text; null: as it is. */
export class LaneTurn implements LaneJob {
  readonly #batch: Batch
  readonly #place: LanePlace
  readonly #keyed: KeyedCall | null
  readonly #user: LaneUser

  constructor(batch: Batch, place: LanePlace, keyed: KeyedCall | null, user: LaneUser) {
    this.#batch = batch
    this.#place = place
    this.#keyed = keyed
    this.#user = user
  }

  encode(prepared: ReadonlySet<VirtualStatement>): ReturnType<LaneJob['encode']> {
    const { simple, requests } = this.#batch
    if (this.#keyed !== null) return this.#keyed.encode(prepared)
    if (simple !== null) return { parts: [simple.message], script: null, prepares: [] }
    const encoded = encodeRequests(requests, prepared, { sync: true, failed: false })
    return encoded.script.isNeedless ? { ...encoded, script: null } : encoded
  }

  rename(report: Buffer): Buffer {
    return withClientNames(report, this.#batch.requests)
  }

  done(outcome: JobOutcome): void {
    const batch = this.#batch
    const { node, role, lane } = this.#place
    if (!this.#user.isUnderWay(batch)) return
    if (outcome.kind === 'too long') {
      for (const { pace } of batch.records) pace.keepAway(performance.now())
      batch.onOwn = true
      this.#user.run(batch)
    } else if (outcome.kind !== 'answered') this.#user.failedAt(batch, node, outcome)
    else if (role === 'primary' && lane.isStandby)
      this.#user.failedAt(batch, node, { kind: 'cut off', error: new Error('it is no primary any more') })
    else if (outcome.error !== null && this.#isForElsewhere(outcome.error)) this.#user.run(batch)
    else {
      for (const { pace } of batch.records) pace.noteQuick()
      this.#user.laneAnswered(batch, outcome.pieces, outcome.error, outcome.unparsed)
    }
  }

  /** The error says how or where it was run, and nothing to its client; from now on it is run otherwise. */
  #isForElsewhere(error: string): boolean {
    const batch = this.#batch
    if (error === QUERY_CANCELED) for (const { pace } of batch.records) pace.noteSlow(performance.now())
    if (LANE_ONLY.has(error)) batch.onOwn = true
    else if (isOfStandby(this.#place.role, error)) batch.onPrimary = true
    else if (this.#keyed !== null) {
      // Its report may speak of the text, which is to be the client's.
      this.#keyed.failed()
      batch.asItCame = true
    } else return false
    return true
  }
}
