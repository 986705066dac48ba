import { AsyncLocalStorage } from 'node:async_hooks'
import { formatLsn, HerdError, type Lsn, parseLsn } from '@pgherd/core'

/**
 * What one user of the application has written, so that a read of theirs sees it (I4). The WAL position
 * of a write is learnt a moment after its acknowledgement; until then `stamped` is false.
 */
export class Session {
  #lsn: Lsn = 0
  /** Writes acknowledged, and how many of them `#lsn` covers. */
  #writes = 0
  #covered = 0

  /** A standby that has replayed this much shows every write that is stamped. */
  get lsn(): Lsn {
    return this.#lsn
  }

  get stamped(): boolean {
    return this.#covered === this.#writes
  }

  /** How many writes have been acknowledged. */
  get writes(): number {
    return this.#writes
  }

  noteWrite(): void {
    this.#writes++
  }

  /** `lsn` lies at or after the end of the first `writes` writes. */
  noteLsn(lsn: Lsn, writes: number): void {
    if (lsn > this.#lsn) this.#lsn = lsn
    if (writes > this.#covered) this.#covered = writes
  }
}

const PREFIX = 'v1.'

/** What another process needs to go on with a session: fit for a cookie or a header. */
export function formatToken(lsn: Lsn): string {
  return PREFIX + formatLsn(lsn).replace('/', '-')
}

/** Throws OPTIONS_INVALID when it is none of ours. An LSN beyond the herd's only makes reads use the primary. */
export function readToken(token: string): Lsn {
  try {
    if (!token.startsWith(PREFIX)) throw new RangeError('unknown version')
    return parseLsn(token.slice(PREFIX.length).replace('-', '/'))
  } catch {
    throw new HerdError('OPTIONS_INVALID', 'This is not a session token.')
  }
}

/** The session of whatever runs now, as far as the async context says. */
export const currentSession = new AsyncLocalStorage<{ readonly pool: object; readonly session: Session }>()
