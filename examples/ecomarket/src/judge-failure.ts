import pg from 'pg'

/**
 * What an error says about the connection and the statement.
 *
 * - `connection-lost`: nothing more comes from this connection; the server may or may not have acted.
 * - `refused-for-now`: the server rolled the transaction back and lives; another try may succeed.
 * - `key-taken`: the order is in the database already.
 * - `bug`: the same will fail again.
 */
export type Failure = 'connection-lost' | 'refused-for-now' | 'key-taken' | 'bug'

/** Classes of SQLSTATE, then whole ones, that go away by themselves (PostgreSQL docs, appendix A). */
const PASSING = /^(40|53|57|25006)/
const KEY_CONSTRAINT = 'orders_key_key'

export function judgeFailure(error: unknown): Failure {
  // FATAL and PANIC end the session; anything not from the server means it is gone or silent.
  if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR') return 'connection-lost'
  if (error.constraint === KEY_CONSTRAINT) return 'key-taken'
  return PASSING.test(error.code ?? '') ? 'refused-for-now' : 'bug'
}
