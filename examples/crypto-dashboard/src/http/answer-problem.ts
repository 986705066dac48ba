import { HerdError } from '@pgherd/client'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import pg from 'pg'
import { PROBLEMS, Problem } from './problem.js'

const MEDIA_TYPE = 'application/problem+json; charset=utf-8'
const AGAIN_AFTER_S = '1'

/** Classes of SQLSTATE that go away by themselves: lost connections, locks, shutdowns (PostgreSQL docs, appendix A). */
const PASSING = /^(08|40|53|55P03|57)/

/** Answers every error as `application/problem+json` (RFC 9457). A stack trace goes to the log only. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error)
  const { title } = PROBLEMS[problem.kind]
  // Fastify's own refusals keep their status: a body that is too large, of another media type, no JSON.
  const status = clientStatus(error) ?? PROBLEMS[problem.kind].status
  if (status === 500) request.log.error(error)
  if (status === 503) reply.header('retry-after', AGAIN_AFTER_S)
  reply
    .status(status)
    .header('content-type', MEDIA_TYPE)
    .send(JSON.stringify({ type: problem.kind, title, status, detail: problem.message }))
}

/** What is at no address. */
export function answerNoRoute(request: FastifyRequest, reply: FastifyReply): void {
  answerProblem(new Problem('route-unknown', `There is no ${request.method} ${request.url}.`), request, reply)
}

function clientStatus(error: unknown): number | null {
  const { statusCode } = error as Partial<FastifyError>
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : null
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  const message = error instanceof Error ? error.message : String(error)
  if (clientStatus(error) !== null || isBadToken(error)) return new Problem('input-invalid', message)
  if (error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN')
    return new Problem('outcome-unknown', 'The answer was cut off. Look before you send it again.')
  if (isPassing(error))
    return new Problem(
      'not-reachable',
      `No node can answer this just now; it is worth trying again: ${message}`,
    )
  return new Problem('internal', 'This is a bug; the log of the dashboard tells more.')
}

function isBadToken(error: unknown): boolean {
  return error instanceof HerdError && error.code === 'OPTIONS_INVALID'
}

function isPassing(error: unknown): boolean {
  if (error instanceof HerdError) return error.retryable || error.code === 'HERD_NOT_RUNNING'
  if (error instanceof pg.DatabaseError) return error.severity !== 'ERROR' || PASSING.test(error.code ?? '')
  const { name, code } = error as { name?: string; code?: string }
  return name === 'TimeoutError' || /^(ECONN|EPIPE|ETIMEDOUT|ENOENT)/.test(code ?? '')
}
