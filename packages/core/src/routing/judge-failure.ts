/** How far a statement had come when it failed. */
export type Progress =
  /** No connection had it, or the server ended the session before it took the statement up. */
  | 'unsent'
  /** A connection had it, and ended before the answer was complete. */
  | 'cut-off'
  /** The server said that it ends the session, in the middle of it: its transaction was rolled back. */
  | 'rolled-back'
  /** The server answered with an error; the session goes on. */
  | 'refused'

/** What follows from a failure: do it again, say that nobody knows, or hand the error on. */
export type Verdict = 'repeat' | 'unknown' | 'tell'

export interface Failure {
  readonly progress: Progress
  /** SQLSTATE of the server's error; null when it sent none. */
  readonly sqlState: string | null
  /** What the node is, asked again after the failure where it matters. */
  readonly role: 'primary' | 'standby'
}

/**
 * What a standby refuses and a primary may not: it cannot write, replay gets in the way, it lacks what
 * was made a moment ago. SQLSTATEs of PostgreSQL's appendix A.
 */
const STANDBY_CANNOT: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction
  '40001', // a conflict with recovery
  '40P01',
  '55000', // object_not_in_prerequisite_state: "recovery is in progress"
  '55P03', // a lock that replay holds
  '0A000',
  'XX000', // "cannot assign TransactionIds during recovery"
  '3D000',
  '3F000',
  '42P01',
  '42703',
  '42704',
  '42883',
])

/**
 * Says what to do after a failure (I3): only what certainly took no effect, or has none, is done again.
 */
export function judgeFailure({ progress, sqlState, role }: Failure, repeatable: boolean): Verdict {
  if (progress === 'unsent' || progress === 'rolled-back') return 'repeat'
  if (progress === 'cut-off') return repeatable ? 'repeat' : 'unknown'
  if (role === 'primary' || sqlState === null) return 'tell'
  // A write that a standby refused was sent there when it was primary, or thought to be.
  if (!repeatable) return sqlState === '25006' ? 'repeat' : 'tell'
  return STANDBY_CANNOT.has(sqlState) ? 'repeat' : 'tell'
}
