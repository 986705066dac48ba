import { ERROR_CATALOGUE, type ErrorCode, HerdError } from '@pgherd/core'
import type { Problem } from '@pgherd/core/api'
import type { FastifyReply, FastifyRequest } from 'fastify'

const MEDIA_TYPE = 'application/problem+json; charset=utf-8'
const PAGE = 'https://github.com/pgherd/pgherd/blob/main/docs/errors.md#'

/** What HTTP says of a code; those that are not here are the herd's own trouble, 500. */
const STATUSES: Partial<Readonly<Record<ErrorCode, number>>> = {
  USAGE: 400,
  NOT_SUPPORTED: 404,
  UNKNOWN_GROUP: 404,
  UNKNOWN_NODE: 404,
  UNKNOWN_JOB: 404,
  UNKNOWN_TOKEN: 404,
  HERD_NOT_FOUND: 404,
  CONFIRMATION_NEEDED: 400,
  TOKEN_NEEDED: 401,
  NOT_ALLOWED: 403,
  TOO_MANY_REQUESTS: 429,
  NO_ELIGIBLE_SUCCESSOR: 409,
  SWITCHOVER_REFUSED: 409,
  OPERATION_FAILED: 409,
  SHARD_MAP_INVALID: 409,
  SQL_FAILED: 422,
  VALUES_INVALID: 422,
  SHARD_KEY_INVALID: 422,
  SHARD_KEY_MISSING: 422,
  SHARDS_NOT_PROVEN: 422,
  TRANSACTION_ABORTED: 422,
  HERD_NOT_RUNNING: 503,
  INTERRUPTED: 503,
  NODES_UNREACHABLE: 503,
  NO_PRIMARY: 503,
  QUEUE_FULL: 503,
  POOL_CLOSED: 503,
  TRANSACTION_LOST: 503,
  OUTCOME_UNKNOWN: 504,
}

/** An error of PostgreSQL's, with what it says beside its sentence. */
export class SqlFailed extends HerdError {
  readonly sqlState: string | null
  /** The character, from 1. */
  readonly position: number | null

  constructor(
    message: string,
    options: { hint?: string; cause?: unknown; sqlState: string | null; position: number | null },
  ) {
    super('SQL_FAILED', message, options)
    this.sqlState = options.sqlState
    this.position = options.position
  }
}

/** A refusal with another status than its code has. */
export class Refusal extends HerdError {
  readonly status: number

  constructor(status: number, code: ErrorCode, message: string, options: { hint?: string } = {}) {
    super(code, message, options)
    this.status = status
  }
}

export function problemOf(error: unknown): Problem {
  const known = knownError(error)
  const { code, message, hint = null, retryable } = known
  return {
    type: `${PAGE}${code}`,
    title: ERROR_CATALOGUE[code].summary,
    status: known instanceof Refusal ? known.status : (STATUSES[code] ?? 500),
    detail: message,
    code,
    hint,
    retryable,
    sqlState: known instanceof SqlFailed ? known.sqlState : null,
    position: known instanceof SqlFailed ? known.position : null,
  }
}

/** Fastify's own refusals keep their status; of what is a bug nothing but that is told. */
function knownError(error: unknown): HerdError {
  if (error instanceof HerdError) return error
  const { statusCode, message } = error as { statusCode?: number; message?: string }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Refusal(statusCode, 'USAGE', sentenceOf(statusCode, message ?? ''))
  return new HerdError('INTERNAL', "This is a bug in pgherd; the supervisor's log tells more.", {
    cause: error,
  })
}

function sentenceOf(status: number, message: string): string {
  if (status === 413) return 'The request is too large.'
  if (status === 415) return 'The request must be JSON, with "content-type: application/json".'
  return `The request is not understood: ${message.replace(/\.$/, '')}.`
}

/** Answers every error as `application/problem+json` (RFC 9457). */
export function answerProblem(error: unknown, _: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error)
  if (problem.code === 'INTERNAL') console.error((error as Error)?.stack ?? error)
  if (problem.status === 503 || problem.status === 429) reply.header('retry-after', '1')
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="pgherd"')
  reply.status(problem.status).header('content-type', MEDIA_TYPE).send(JSON.stringify(problem))
}
