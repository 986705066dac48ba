import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { isHarmless } from '../server-error.js'

/** As the server says it, to be said to another. */
export const AS_TEXT = {
  rowMode: 'array',
  types: { getTypeParser: () => (text: string) => text },
} as const

/** An answer of nobody's but ours. */
export function told(command: string): pg.QueryResult {
  return { command, rowCount: null as unknown as number, oid: 0, fields: [], rows: [] }
}

/** What each did with its rows, as one did it with all. */
export function joined(answers: readonly pg.QueryResult[]): pg.QueryResult {
  const [first] = answers as [pg.QueryResult]
  first.rows = answers.flatMap(({ rows }) => rows)
  first.rowCount = answers.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0)
  return first
}

/** The same of parts, with the rows in the order of the whole. */
export function inOrder(
  answers: readonly pg.QueryResult[],
  parts: readonly { readonly rows: readonly number[] }[],
): pg.QueryResult {
  if (answers.every(({ rows }) => rows.length === 0)) return joined(answers)
  const rows: unknown[] = []
  const isWhole = answers.every(({ rows: part }, at) => part.length === parts[at]?.rows.length)
  for (const [at, part] of parts.entries())
    for (const [place, row] of part.rows.entries()) rows[row] = answers[at]?.rows[place]
  const whole = joined(answers)
  // ON CONFLICT DO NOTHING leaves rows out, and nothing says which.
  if (isWhole) whole.rows = rows
  return whole
}

/** As PostgreSQL says it. */
export function sqlError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' })
}

export function transactionFailed(): Error {
  return sqlError('25P02', 'current transaction is aborted, commands ignored until end of transaction block')
}

/** A part of a transaction went with its connection. */
export function transactionLost(cause: Error): HerdError {
  return new HerdError(
    'TRANSACTION_LOST',
    `A connection ended before COMMIT was sent (${cause.message}), so nothing of the transaction takes effect.`,
    { hint: 'Run it again, or let that be done by { retry: true }.', cause },
  )
}

/** A column may hold NULL, but a shard key places its row. */
export function keyIsNull(table: string, column: string): HerdError {
  return new HerdError(
    'SHARD_KEY_INVALID',
    `null value in column "${column}" of relation "${table}" violates not-null constraint`,
    { hint: 'A shard key places its row and cannot be NULL.' },
  )
}

export function notSupported(message: string, hint?: string): HerdError {
  return new HerdError('NOT_SUPPORTED', message, hint === undefined ? {} : { hint })
}

/** Of what is asked of several shards, which of them has not answered. */
export function named(error: Error, group: string): Error {
  const where = ` (on ${group})`
  if (!error.message.endsWith(where)) error.message += where
  return error
}

export function sayShard(group: string): (error: Error) => never {
  return (error) => {
    throw named(error, group)
  }
}

/** Of what is done on each of several groups, which of them would not. */
export function sayWhere(group: string): (error: Error) => never {
  return (error) => {
    if (isHarmless(error)) error.message += ` (on ${group})`
    throw error
  }
}

/** What all of them came to; throws the first failure, when all have ended. */
export function allOf<T>(ended: readonly PromiseSettledResult<T>[]): T[] {
  return ended.map((each) => {
    if (each.status === 'rejected') throw each.reason
    return each.value
  })
}
