const PATIENCE_MS = 15_000

export interface Request {
  /** Sent as JSON by POST; null: an empty POST. By itself a GET. */
  body?: unknown
  headers?: Record<string, string>
}

/** What the API answers, and how long that took. Throws Error with a sentence for people. */
export async function ask<Answer>(
  path: string,
  { body, headers = {} }: Request = {},
): Promise<{ answer: Answer; tookMs: number }> {
  const begun = performance.now()
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers:
      body === undefined || body === null ? headers : { ...headers, 'content-type': 'application/json' },
    body: body === undefined || body === null ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => {
    throw new Error('The dashboard does not answer.')
  })
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok && answer !== null) return { answer: answer as Answer, tookMs: performance.now() - begun }
  throw new Error(
    (answer as { detail?: string } | null)?.detail ?? `The dashboard answered ${response.status}.`,
  )
}
