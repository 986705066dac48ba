import type { Problem } from '@pgherd/core/api'

/** What a person is shown when a request fails: a sentence, and what to do where that is known. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }

  get needsToken(): boolean {
    return this.problem.status === 401
  }
}

/** Code of a request that got no answer at all. */
export const NO_ANSWER = 'NO_ANSWER'

/** Any failure of a request as a problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem
  const detail = error instanceof Error ? error.message : String(error)
  return makeProblem(0, NO_ANSWER, detail)
}

/** A problem that did not come from the API as one: from a proxy in between, or from nobody. */
export function makeProblem(status: number, code: string, detail: string): Problem {
  const nothing = { hint: null, sqlState: null, position: null }
  return { type: 'about:blank', title: detail, status, detail, code, retryable: true, ...nothing }
}
