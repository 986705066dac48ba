import { HerdError } from '@pgherd/core'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import { makeError } from '../protocol/server-messages.js'
import { LoginRefused } from '../server/server-connection.js'

import { ServerError } from './replies.js'

/** SQLSTATEs of what several groups cannot do, by the code of our catalogue. */
const STATES: Readonly<Record<string, string>> = {
  NOT_SUPPORTED: '0A000',
  SHARD_KEY_INVALID: '22023',
  SHARD_KEY_MISSING: '23502',
  SHARDS_NOT_PROVEN: '0A000',
  SHARD_MAP_INVALID: '55000',
  // As in a herd of one group: what is lost is a connection.
  TRANSACTION_LOST: '08006',
  OUTCOME_UNKNOWN: '08007',
  NO_PRIMARY: '57P03',
}

/** What a client is told of something that failed in a herd of several groups. */
export function reportOf(error: Error): Buffer {
  if (error instanceof ServerError || error instanceof LoginRefused) return error.report
  if (error instanceof ProtocolViolation)
    return makeError({ severity: 'ERROR', code: error.sqlState, message: error.message })
  const { code, hint } = error as { code?: string; hint?: string | null }
  const more = hint ? { hint } : {}
  if (error instanceof HerdError)
    return makeError({
      severity: 'ERROR',
      code: STATES[error.code] ?? 'XX000',
      message: error.message,
      ...more,
    })
  if (SQLSTATE.test(code ?? ''))
    return makeError({ severity: 'ERROR', code: code as string, message: error.message, ...more })
  return makeError({ severity: 'ERROR', code: '08006', message: error.message })
}

const SQLSTATE = /^[0-9A-Z]{5}$/

/** Nobody has said it: a connection is gone. */
export function isLoss(error: Error): boolean {
  const { code } = error as { code?: string }
  return !(error instanceof HerdError) && !(error instanceof ProtocolViolation) && !SQLSTATE.test(code ?? '')
}

/** As PostgreSQL says it. */
export function sqlError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' })
}

export function notSupported(message: string, hint?: string): HerdError {
  return new HerdError('NOT_SUPPORTED', message, hint === undefined ? {} : { hint })
}
