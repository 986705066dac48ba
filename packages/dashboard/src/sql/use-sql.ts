import type { Problem, SqlAnswer, SqlRequest } from '@pgherd/core/api'
import { useRef, useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'

export interface Outcome {
  /** The statement this came of. */
  text: string
  answer: SqlAnswer | null
  problem: Problem | null
}

/** Runs statements, one at a time; a new one gives up waiting for the one before. */
export function useSql() {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const [isRunning, setIsRunning] = useState(false)
  const [wasStopped, setWasStopped] = useState(false)
  const attempt = useRef(new AbortController())
  const run = async (body: SqlRequest): Promise<void> => {
    attempt.current.abort()
    attempt.current = new AbortController()
    const { signal } = attempt.current
    setIsRunning(true)
    setWasStopped(false)
    try {
      const answer = await request<SqlAnswer>('v1/sql', { method: 'POST', body, signal })
      setOutcome({ text: body.text, answer, problem: null })
    } catch (error) {
      if (signal.aborted) return
      setOutcome({ text: body.text, answer: null, problem: problemOf(error) })
    }
    setIsRunning(false)
  }
  /** Waits no more; the API has the servers stop too. */
  const stop = (): void => {
    attempt.current.abort()
    setIsRunning(false)
    setOutcome(null)
    setWasStopped(true)
  }
  return { outcome, isRunning, wasStopped, run, stop }
}
