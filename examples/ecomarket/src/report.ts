import type { Account } from './account/account.js'
import type { ReadingCounts } from './browsing/reading-counts.js'
import type { Pauses } from './buying/measure-pauses.js'
import type { Failover } from './kill-primaries.js'
import type { RunOptions } from './run-options.js'

/** What a run came to. */
export interface Report {
  options: RunOptions
  /** How long orders were placed. */
  tradedMs: number
  /** It was ended before its time. */
  interrupted: boolean
  /** What went wrong with the herd so that the run ended early, or null. */
  failure: string | null
  account: Account
  pauses: Pauses
  reading: ReadingCounts
  failovers: Failover[]
}

/** The account balances, nobody read what was older than their own doings, and the herd did its part. */
export function isRight({ account, reading, failure }: Report): boolean {
  return account.balanced && reading.stale === 0 && failure === null
}
