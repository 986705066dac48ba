import { AsyncLocalStorage } from 'node:async_hooks'
import { formatLsn, HerdError, type Lsn, parseLsn } from '@pgherd/core'

/** Positions kept of a session: enough for all reads that are under way while it writes. */
const MAX_STAMPS = 64

/** Lies at or after the end of the first `writes` writes of a session. */
interface Stamp {
  readonly writes: number
  readonly lsn: Lsn
}

/** What somebody has written in the groups of a herd, as positions in their WAL. */
export type Positions = ReadonlyMap<string, Lsn>

/**
 * What one user of the application has written, so that a read of theirs sees it (I4). The WAL position
 * of a write is learnt a moment after its acknowledgement.
 */
export class Session {
  /** Oldest first. The first of a new session covers no write of its own. */
  #stamps: Stamp[]
  #writes = 0
  /** Of the last write that may have been acknowledged before it was flushed. */
  #lastUnflushed = 0
  /** The same user's in the groups of a herd, whose WAL is their own. */
  #elsewhere: Map<string, Session> | null = null
  /** What was written before it began. */
  readonly #before: Positions | null

  /** `before`: by the session that it goes on with, as its token says. */
  constructor(before: Positions | null = null) {
    this.#before = before
    this.#stamps = [{ writes: 0, lsn: Math.max(0, ...(before?.values() ?? [])) }]
  }

  /** What the same user has written in a group of a herd of several. */
  inGroup(group: string): Session {
    this.#elsewhere ??= new Map()
    let session = this.#elsewhere.get(group)
    if (session === undefined) {
      const lsn = this.#before?.get(group) ?? this.#before?.get(ONE_GROUP)
      session = new Session(lsn === undefined ? null : new Map([[ONE_GROUP, lsn]]))
      this.#elsewhere.set(group, session)
    }
    return session
  }

  /** A standby that has replayed this much shows every write that is stamped. */
  get lsn(): Lsn {
    return this.#newest.lsn
  }

  get stamped(): boolean {
    return this.#newest.writes === this.#writes
  }

  /** How many writes have been acknowledged. */
  get writes(): number {
    return this.#writes
  }

  get #newest(): Stamp {
    return this.#stamps.at(-1) as Stamp
  }

  /** What a standby must have replayed to show the first `writes` writes; null while that is not known. */
  lsnCovering(writes: number): Lsn | null {
    if (this.#newest.writes < writes) return null
    return (this.#stamps.find((stamp) => stamp.writes >= writes) as Stamp).lsn
  }

  /** `flushed`: it was certainly acknowledged only when its WAL had been flushed. */
  noteWrite(flushed: boolean): void {
    this.#writes++
    if (!flushed) this.#lastUnflushed = this.#writes
  }

  /** Of its writes that are not stamped, one may not have been flushed yet. */
  get unflushed(): boolean {
    return this.#lastUnflushed > this.#newest.writes
  }

  /** `lsn` lies at or after the end of the first `writes` writes. */
  noteLsn(lsn: Lsn, writes: number): void {
    const newest = this.#newest
    const stamp = { writes: Math.max(writes, newest.writes), lsn: Math.max(lsn, newest.lsn) }
    if (stamp.writes === newest.writes) this.#stamps.pop()
    this.#stamps.push(stamp)
    if (this.#stamps.length > MAX_STAMPS) this.#stamps.shift()
  }
}

/** Stands for the one group of a herd that is not sharded. */
export const ONE_GROUP = ''
const VERSION = 'v1'

/**
 * What another process needs to go on with a session: fit for a cookie or a header. `v1.0-3000060`, and of several
 * groups `v1.home~0-3000060.s1~0-30000A8`.
 */
export function formatToken(positions: Positions): string {
  const words = [...positions].map(([group, lsn]) => {
    const position = formatLsn(lsn).replace('/', '-')
    return group === ONE_GROUP ? position : `${group}~${position}`
  })
  return [VERSION, ...words].join('.')
}

/** Throws OPTIONS_INVALID when it is none of ours. An LSN beyond the herd's only makes reads use the primary. */
export function readToken(token: string): Positions {
  try {
    const [version, ...words] = token.split('.')
    if (version !== VERSION) throw new RangeError('unknown version')
    return new Map(words.map(readPosition))
  } catch {
    throw new HerdError('OPTIONS_INVALID', 'This is not a session token.')
  }
}

function readPosition(word: string): [group: string, lsn: Lsn] {
  const at = word.indexOf('~')
  return [at < 0 ? ONE_GROUP : word.slice(0, at), parseLsn(word.slice(at + 1).replace('-', '/'))]
}

/** The session of whatever runs now, as far as the async context says. */
export const currentSession = new AsyncLocalStorage<SessionContext>()

interface SessionContext {
  readonly pool: object
  readonly session: Session
  /** What was the session around it, of another pool perhaps. */
  readonly outer: SessionContext | null
}
