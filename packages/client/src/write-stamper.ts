import { type Lsn, parseLsn } from '@pgherd/core'
import type { PoolNode } from './pool-node.js'
import type { Session } from './session.js'

const POSITION_SQL =
  'select pg_current_wal_flush_lsn()::text as flushed, pg_current_wal_insert_lsn()::text as inserted, ' +
  "current_setting('synchronous_commit') as commit"

interface Position {
  readonly flushed: string
  readonly inserted: string
  readonly commit: string
}

/**
 * Learns, after writes, how far the WAL had come, so that a standby can be held against it. One question
 * is under way at a time and covers every write that was acknowledged before it was sent.
 *
 * What is flushed has the writes that were acknowledged after a flush; no standby is made to wait for what
 * others are in the middle of. Only under `synchronous_commit = off` may a write be further ahead.
 */
export class WriteStamper {
  readonly #primary: () => PoolNode | null
  readonly #hasStandbys: () => boolean
  readonly #stamped: (lsn: Lsn) => void
  #wanted = new Set<Session>()
  #waiting: (() => void)[] = []
  #asking = false

  /** `stamped` is told how far standbys must be to show what was written. */
  constructor(primary: () => PoolNode | null, hasStandbys: () => boolean, stamped: (lsn: Lsn) => void) {
    this.#primary = primary
    this.#hasStandbys = hasStandbys
    this.#stamped = stamped
  }

  /** A write of this session was acknowledged. `flushed`: not before its WAL, whatever the role's settings. */
  wrote(session: Session, flushed: boolean): void {
    session.noteWrite(flushed)
    this.#wanted.add(session)
    // Without a standby the primary answers every read, and nobody needs to know.
    if (!this.#asking && this.#hasStandbys()) this.#ask()
  }

  /** Calls `done` when the next question that is sent from now on is answered, or fails. */
  whenStamped(session: Session, done: () => void): void {
    this.#wanted.add(session)
    this.#waiting.push(done)
    if (!this.#asking) this.#ask()
  }

  #ask(): void {
    const node = this.#primary()
    const sessions = [...this.#wanted]
    const waiting = this.#waiting.splice(0)
    const wake = (): void => {
      for (const done of waiting) done()
    }
    if (node === null) {
      // The next read of such a session asks again.
      wake()
      return
    }
    this.#wanted.clear()
    this.#asking = true
    const asked = sessions.map(({ writes, unflushed }) => ({ writes, unflushed }))
    node.ask(POSITION_SQL, (outcome) => {
      this.#asking = false
      if (outcome.kind === 'done') {
        const { flushed, inserted, commit } = outcome.result.rows[0] as Position
        for (const [at, session] of sessions.entries()) {
          const { writes, unflushed } = asked[at] as (typeof asked)[number]
          const lsn = parseLsn(unflushed || commit === 'off' ? inserted : flushed)
          session.noteLsn(lsn, writes)
          this.#stamped(lsn)
        }
      } else {
        for (const session of sessions) if (!session.stamped) this.#wanted.add(session)
      }
      wake()
      // After a failure those who wait are told so, by a question that finds no primary or fails in turn.
      if (this.#waiting.length > 0 || (outcome.kind === 'done' && this.#wanted.size > 0)) this.#ask()
    })
  }
}
