import type { EventsView, Problem } from '@pgherd/core/api'
import { useCallback, useEffect, useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'
import { useStateOf, useStore } from '../store/use-state-of.js'

const AT_ONCE = 500

/** Fetches what happened before what is known; by itself as far back as the event of a link. */
export function useEarlierEvents(wantedId: number | null) {
  const store = useStore()
  const firstId = useStateOf((state) => state.events[0]?.id ?? null)
  const [isAtStart, setIsAtStart] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const fetchEarlier = useCallback(async () => {
    if (firstId === null) return
    try {
      const { events } = await request<EventsView>(`v1/events?last=${AT_ONCE}&before=${firstId}`)
      store.dispatch({ type: 'earlier events', events })
      setIsAtStart(events.length < AT_ONCE)
      setProblem(null)
    } catch (error) {
      setProblem(problemOf(error))
    }
  }, [store, firstId])
  const isWanting = wantedId !== null && firstId !== null && wantedId < firstId && !isAtStart
  useEffect(() => {
    if (isWanting) void fetchEarlier()
  }, [isWanting, fetchEarlier])
  return { fetchEarlier, isAtStart: isAtStart || firstId === 1, problem }
}
