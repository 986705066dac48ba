import { HerdError } from '@pgherd/client'
import pg from 'pg'

/**
 * What an error says about what was asked.
 *
 * - `unknown`: it may have taken effect; whoever wants to know must look.
 * - `passing`: it certainly took no effect, and another try may succeed.
 * - `key-taken`: the order is in the database already.
 * - `bug`: the same will fail again.
 */
export type Failure = 'unknown' | 'passing' | 'key-taken' | 'bug'

/** Classes of SQLSTATE, then whole ones, that go away by themselves (PostgreSQL docs, appendix A). */
const PASSING = /^(40|53|57|25006)/
const KEY_CONSTRAINT = 'orders_key_key'
const OWN_MISTAKES = [TypeError, RangeError, ReferenceError]

export function judgeFailure(error: unknown): Failure {
  if (error instanceof HerdError) {
    if (error.code === 'OUTCOME_UNKNOWN') return 'unknown'
    return error.retryable ? 'passing' : 'bug'
  }
  if (OWN_MISTAKES.some((mistake) => error instanceof mistake)) return 'bug'
  // FATAL and PANIC end the session; anything else not from the server means that the connection is gone.
  if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR') return 'passing'
  if (error.constraint === KEY_CONSTRAINT) return 'key-taken'
  return PASSING.test(error.code ?? '') ? 'passing' : 'bug'
}
