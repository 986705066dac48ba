import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import type { StatementOptions } from './statement.js'
import type { InternalOptions } from './statement-trace.js'

/** What `query` of `pg` takes first, beside a function. */
export type QueryInput = string | (pg.QueryConfig & StatementOptions & InternalOptions & MoreOfPg)
/** What `pg` takes beyond its published types. */
interface MoreOfPg {
  rowMode?: 'array'
  binary?: boolean
  query_timeout?: number
}

export type Callback = (...args: never[]) => unknown

/** What a caller's callback throws is an error of the program's, not of the statement. */
export function callSafely(callback: Callback, ...args: unknown[]): void {
  try {
    callback(...(args as never[]))
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

/**
 * Rejects with a stack that leads to whoever awaits it rather than to the socket. V8 finds them only once
 * the caller's promise follows this one, which takes a turn.
 */
export async function rejectHere(error: Error): Promise<never> {
  await null
  await null
  // An AbortSignal's reason may be anything.
  if (error instanceof Error) Error.captureStackTrace(error)
  throw error
}

export function noFunction(): Error {
  return new Error('Passing a function as the first parameter to pool.query is not supported')
}

export function checkText(config: Exclude<QueryInput, string>): string {
  if (config === null || config === undefined)
    throw new HerdError('VALUES_INVALID', 'There is no statement: query() was given null or undefined.')
  if (typeof config === 'function' || typeof (config as { submit?: unknown }).submit === 'function') {
    throw new HerdError('VALUES_INVALID', 'A cursor, a stream or a function cannot be run on a pool.', {
      hint: 'Use a client of your own: const client = await pool.connect().',
    })
  }
  if (typeof config.text !== 'string')
    throw new HerdError(
      'VALUES_INVALID',
      `The text of a statement must be a string, not ${typeof config.text}.`,
    )
  if (config.text.includes('\0'))
    throw new HerdError(
      'VALUES_INVALID',
      'The text of a statement holds a NUL character, which PostgreSQL does not take.',
    )
  return config.text
}

export function signalOf(input: QueryInput): AbortSignal | null {
  return (typeof input === 'object' && input?.signal) || null
}
