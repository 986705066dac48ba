import type { Problem } from '@pgherd/core/api'
import { ApiError, makeProblem } from './api-error.js'
import { readToken } from './token.js'

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Asks the control API that served the page; throws an `ApiError` for an answer that is an error. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const token = readToken()
  const response = await fetch(path, {
    method: options.method ?? 'GET',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    cache: 'no-store',
  })
  if (!response.ok) throw new ApiError(await readProblem(response))
  return response
}

/** The same for an answer in JSON; what it is, the schemas of the API say. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options)
  return (await response.json()) as T
}

async function readProblem(response: Response): Promise<Problem> {
  const isProblem = response.headers.get('content-type')?.includes('problem+json') ?? false
  const text = await response.text().catch(() => '')
  if (isProblem) {
    try {
      return JSON.parse(text) as Problem
    } catch {
      // Cut off on the way: told below as what it is.
    }
  }
  return makeProblem(response.status, `HTTP_${response.status}`, response.statusText || text.slice(0, 200))
}
