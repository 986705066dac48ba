import { type Lsn, parseLsn } from '@pgherd/core'
import type { PoolNode } from './pool-node.js'
import type { Session } from './session.js'

const POSITION_SQL = 'select pg_current_wal_insert_lsn()::text as lsn'

/**
 * Learns, after writes, how far the WAL had come, so that a standby can be held against it. One question
 * is under way at a time and covers every write that was acknowledged before it was sent.
 */
export class WriteStamper {
  readonly #primary: () => PoolNode | null
  readonly #hasStandbys: () => boolean
  #wanted = new Set<Session>()
  #waiting: (() => void)[] = []
  #asking = false

  constructor(primary: () => PoolNode | null, hasStandbys: () => boolean) {
    this.#primary = primary
    this.#hasStandbys = hasStandbys
  }

  /** A write of this session was acknowledged. */
  wrote(session: Session): void {
    session.noteWrite()
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
    const writes = sessions.map((session) => session.writes)
    node.ask(POSITION_SQL, (outcome) => {
      this.#asking = false
      if (outcome.kind === 'done') {
        const lsn: Lsn = parseLsn(outcome.result.rows[0].lsn as string)
        for (const [at, session] of sessions.entries()) session.noteLsn(lsn, writes[at] as number)
      } else {
        for (const session of sessions) if (!session.stamped) this.#wanted.add(session)
      }
      wake()
      // After a failure those who wait are told so, by a question that finds no primary or fails in turn.
      if (this.#waiting.length > 0 || (outcome.kind === 'done' && this.#wanted.size > 0)) this.#ask()
    })
  }
}
