import type { Problem } from '@pgherd/core/api'
import { useCallback, useEffect, useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'
import { useStateOf } from '../store/use-state-of.js'

export interface Answer<T> {
  /** The last one there was; it stays while it is asked again. */
  answer: T | null
  /** Why there is none, or why it could not be had again. */
  problem: Problem | null
  isAsking: boolean
  again: () => void
}

const AGAIN_MS = 1000

/**
 * What the API answers to a GET of this path; null asks nothing. Asked again when the path changes, and while the API is
 * there and may answer better in a while: a herd that was just started may have no primaries yet.
 */
export function useAnswer<T>(path: string | null): Answer<T> {
  const [answer, setAnswer] = useState<T | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [asked, setAsked] = useState(0)
  const [isAsking, setIsAsking] = useState(path !== null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` is what asks again
  useEffect(() => {
    if (path === null) return
    const attempt = new AbortController()
    setIsAsking(true)
    request<T>(path, { signal: attempt.signal })
      .then(
        (given) => {
          setAnswer(given)
          setProblem(null)
        },
        (error: unknown) => {
          if (!attempt.signal.aborted) setProblem(problemOf(error))
        },
      )
      .finally(() => {
        if (!attempt.signal.aborted) setIsAsking(false)
      })
    return () => attempt.abort()
  }, [path, asked])
  const again = useCallback(() => setAsked((count) => count + 1), [])
  const isLive = useStateOf((state) => state.connection === 'live')
  useEffect(() => {
    if (!isLive || problem?.retryable !== true) return
    const timer = setTimeout(again, AGAIN_MS)
    return () => clearTimeout(timer)
  }, [isLive, problem, again])
  return { answer, problem, isAsking, again }
}
