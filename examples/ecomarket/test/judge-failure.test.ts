import { HerdError } from '@pgherd/client'
import pg from 'pg'
import { expect, test } from 'vitest'
import { judgeFailure } from '../src/judge-failure.js'

function serverError(code: string, severity = 'ERROR', constraint?: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('', 0, 'error'), { code, severity, constraint })
}

test.each([
  [new HerdError('OUTCOME_UNKNOWN', 'cut off'), 'unknown'],
  [new HerdError('NO_PRIMARY', 'nobody'), 'passing'],
  [new HerdError('POOL_CLOSED', 'ended'), 'bug'],
  [serverError('40P01'), 'passing'],
  [serverError('57P01', 'FATAL'), 'passing'],
  [serverError('23505', 'ERROR', 'orders_key_key'), 'key-taken'],
  [serverError('23505', 'ERROR', 'products_pkey'), 'bug'],
  [new Error('Connection terminated unexpectedly'), 'passing'],
  [new TypeError('undefined is not a function'), 'bug'],
] as const)('%s is judged as %s', (error, failure) => {
  expect(judgeFailure(error)).toBe(failure)
})
