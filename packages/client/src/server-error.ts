import { HerdError } from '@pgherd/core'

/** SQLSTATE of an error that the server sent; null for any other. */
export function sqlStateOf(error: Error): string | null {
  return 'severity' in error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/**
 * SQLSTATEs that only come with the end of a session, for servers that say FATAL in another language. 08P01
 * is no such: a wrong number of values gets it too.
 */
const ENDS_SESSION = /^(57P|08(?!P01)|25P03|25P04)/

/** The server ended the session with it. */
export function isFatal(error: Error): boolean {
  const state = sqlStateOf(error)
  if (state === null) return false
  const { severity } = error as unknown as { severity: string }
  return severity === 'FATAL' || severity === 'PANIC' || ENDS_SESSION.test(state)
}

/** The server refused one statement, and the session goes on. */
export function isHarmless(error: Error): boolean {
  return sqlStateOf(error) !== null && !isFatal(error)
}

/** Not a mistake of the caller's that `pg` found before it sent anything. */
export function isOfConnection(error: Error): boolean {
  if (sqlStateOf(error) !== null) return true
  if (error instanceof HerdError) return false
  return 'code' in error || /connection|timeout|queryable/i.test(error.message)
}

/** Refusals that will not go away by waiting: password, role, database, TLS, another epoch of the shard map. */
export function isRefusal(error: Error): boolean {
  const state = sqlStateOf(error)
  if (state !== null) return state.startsWith('28') || state === '3D000' || state === 'PH001'
  return /SSL|SASL|SCRAM|certificate/i.test(error.message)
}

/** `pg.Pool` says in words only that its queue was too long or that it is ending. */
export function isPoolError(error: Error): boolean {
  return (
    error instanceof HerdError ||
    /timeout exceeded when trying to connect|after calling end/.test(error.message)
  )
}

/** `pg` gave up waiting for an answer because the caller had said how long it may take. */
export function isReadTimeout(error: Error): boolean {
  return error.message === 'Query read timeout'
}

/** A connection could not be had or was lost: another may be. */
export function isConnectionLoss(error: Error): boolean {
  if (error instanceof HerdError) return false
  const state = sqlStateOf(error)
  if (state !== null) return /^(57P0|08(?!P01)|53300)/.test(state)
  return (
    /^E[A-Z]+$/.test((error as { code?: string }).code ?? '') ||
    /Connection terminated|connection timeout|timeout expired|read timeout|ended|not queryable/i.test(
      error.message,
    )
  )
}
