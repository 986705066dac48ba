import type { ServerReport } from '../protocol/server-messages.js'
import type { Request } from '../session/batch.js'
import type { Batch } from '../session/client-batch.js'
import type { Seat, SeatUser } from '../session/seat.js'

/** A session of which some statements are for other groups. */
export interface ShardedHost extends SeatUser {
  /** It is still under way, and somebody waits for it. */
  isUnderWay(batch: Batch): boolean
  /** All it does is change a setting that can be said again on any connection. */
  isRepeatable(batch: Batch): boolean
  /** A statement of this name was prepared by SQL at home. */
  hasPrepared(name: string): boolean
  /** Runs a batch as in a herd of this one group. */
  runOn(seat: Seat, batch: Batch): void
  /** Considers it anew. */
  again(batch: Batch): void
  /** Says something of it; more of it is to come. */
  answerAhead(batch: Batch, message: Buffer): void
  /** Hands a part of its answer on; false: its client does not read as fast. */
  write(batch: Batch, bytes: Buffer): boolean
  /** Resolves when its client reads again, or is gone. */
  drained(): Promise<void>
  /** It has set that itself. */
  hasSetting(name: string): boolean
  /** Has its client say what is to be copied. */
  beginCopy(response: Buffer): void
  /** These were parsed nowhere. */
  forget(requests: readonly Request[]): void
  /** Ends the session. */
  fatal(report: ServerReport): void
  /** Ends it with what is to be said; `where` ran it. */
  answer(batch: Batch, message: Buffer, where: readonly Seat[]): void
  /** Gets a connection to the primary for a seat; rejects when none can be had for long. */
  take(seat: Seat): Promise<void>
}
