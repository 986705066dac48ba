import { HerdError } from '@pgherd/client'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import pg from 'pg'
import { PROBLEMS, Problem } from '../users/problem.js'

const MEDIA_TYPE = 'application/problem+json; charset=utf-8'
const AGAIN_AFTER_S = '1'

/** Classes of SQLSTATE that go away by themselves: lost connections, locks, shutdowns (PostgreSQL docs, appendix A). */
const PASSING = /^(08|40|53|55P03|57)/

/** Answers every error as `application/problem+json` (RFC 9457). A stack trace goes to the log only. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error)
  const { status, title } = statusOf(problem, error)
  if (status === 500) request.log.error(error)
  if (problem.kind === 'not-reachable') reply.header('retry-after', AGAIN_AFTER_S)
  reply
    .status(status)
    .header('content-type', MEDIA_TYPE)
    .send(JSON.stringify({ type: problem.kind, title, status, detail: problem.message }))
}

/** What is at no address. */
export function answerNoRoute(request: FastifyRequest, reply: FastifyReply): void {
  answerProblem(new Problem('route-unknown', `There is no ${request.method} ${request.url}.`), request, reply)
}

/** Fastify's own refusals keep their status: a body that is too large, of another media type, no JSON. */
function statusOf({ kind }: Problem, error: unknown): { status: number; title: string } {
  const { status, title } = PROBLEMS[kind]
  return { status: kind === 'input-invalid' ? (clientStatus(error) ?? status) : status, title }
}

function clientStatus(error: unknown): number | null {
  const { statusCode } = error as Partial<FastifyError>
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : null
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  const message = error instanceof Error ? error.message : String(error)
  if (clientStatus(error) !== null) return new Problem('input-invalid', message)
  if (error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN')
    return new Problem('outcome-unknown', 'The answer was cut off. Look before you send it again.')
  if (isPassing(error))
    return new Problem(
      'not-reachable',
      'The servers that have this data do not answer. Others are not concerned.',
    )
  return new Problem('internal', 'This is a bug; the log of the service tells more.')
}

function isPassing(error: unknown): boolean {
  if (error instanceof HerdError) return error.retryable
  if (error instanceof pg.DatabaseError) return error.severity !== 'ERROR' || PASSING.test(error.code ?? '')
  const { name, code } = error as { name?: string; code?: string }
  return name === 'TimeoutError' || /^(ECONN|EPIPE|ETIMEDOUT)/.test(code ?? '')
}
