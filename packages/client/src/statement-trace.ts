import type { Destination } from './statement.js'

/** For packages of pgherd itself: how one call of `query` is answered, told while it is. */
export interface StatementTrace {
  /** Over shards: what it was made into, and whom that goes to. */
  routed?(kind: string, groups: readonly string[]): void
  /** It, or a part of it, was answered there. `why`: not by a standby, or not on a lane; null: it was. */
  answered?(where: Destination, why: string | null): void
}

/** What packages of pgherd itself may say about one statement, beside what everybody may. */
export interface InternalOptions {
  trace?: StatementTrace
  /** The server makes no more rows than so many. */
  firstRows?: number
}
