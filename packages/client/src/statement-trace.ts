import type { Destination } from './statement.js'

/** What a server says beside an answer. */
export interface Notice {
  readonly severity?: string | undefined
  readonly message?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
}

/** For packages of pgherd itself: how one call of `query` is answered, told while it is. */
export interface StatementTrace {
  /**
   * Over shards: what it was made into, and whom that goes to; again when that was no good. `why`: of the
   * federation, why it is needed.
   */
  routed?(kind: string, groups: readonly string[], why: string | null): void
  /** It, or a part of it, was answered there. `why`: not by a standby, or not on a lane; null: it was. */
  answered?(where: Destination, why: string | null): void
  noticed?(notice: Notice): void
}

/** What packages of pgherd itself may say about one statement, beside what everybody may. */
export interface InternalOptions {
  trace?: StatementTrace
  /** The server makes no more rows than so many. */
  firstRows?: number
}

/** What hears notices; undefined: nobody does. */
export function noticeListener(trace: StatementTrace | null | undefined): NoticeListener | undefined {
  return trace?.noticed === undefined ? undefined : (notice) => trace.noticed?.(notice)
}

export type NoticeListener = (notice: Notice) => void
