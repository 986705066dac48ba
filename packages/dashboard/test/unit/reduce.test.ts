import type { HerdEventView, Job, Sample } from '@pgherd/core/api'
import { describe, expect, test } from 'vitest'
import { makeProblem } from '../../src/api/api-error.js'
import { type Action, reduce } from '../../src/store/reduce.js'
import { INITIAL, KEPT_SAMPLES, type State } from '../../src/store/state.js'
import { groupOf, herdOf } from './topologies.js'

function after(...actions: Action[]): State {
  return actions.reduce(reduce, INITIAL)
}

function eventOf(id: number): HerdEventView {
  return {
    id,
    at: new Date(id).toISOString(),
    kind: 'group-formed',
    group: 'main',
    node: null,
    message: `${id}`,
    cause: null,
  }
}

function sampleAt(at: number): Sample {
  return { at, nodes: [], latencyMs: null, clients: 0, serverConnections: 0, lanes: 0 }
}

function jobOf(id: string, startedAt: string, state: Job['state']): Job {
  const nothing = {
    group: null,
    node: null,
    step: null,
    progress: null,
    endedAt: null,
    error: null,
    undo: null,
  }
  return { id, kind: 'failover', title: id, startedAt, state, ...nothing }
}

describe('the connection', () => {
  test('is live once it is open, and what went wrong before is forgotten', () => {
    const state = after(
      { type: 'lost', problem: makeProblem(0, 'NO_ANSWER', 'gone') },
      { type: 'opened', at: 7 },
    )
    expect(state).toMatchObject({ connection: 'live', heardAt: 7, problem: null })
  })

  test('keeps what was shown, and when it was heard, when it is lost', () => {
    const topology = herdOf(groupOf(2))
    const state = after(
      { type: 'topology', at: 5, topology },
      { type: 'lost', problem: makeProblem(0, 'NO_ANSWER', 'gone') },
    )
    expect(state).toMatchObject({ connection: 'lost', heardAt: 5, topology })
  })

  test('is locked where a token is wanted', () => {
    expect(after({ type: 'lost', problem: makeProblem(401, 'X', 'no') }).connection).toBe('locked')
  })
})

describe('events', () => {
  test('that a reconnect repeats are there once', () => {
    const state = after(
      { type: 'event', at: 1, event: eventOf(1) },
      { type: 'event', at: 2, event: eventOf(2) },
      { type: 'event', at: 3, event: eventOf(2) },
    )
    expect(state.events.map(({ id }) => id)).toEqual([1, 2])
  })

  test('of before come before those of the stream', () => {
    const state = after(
      { type: 'event', at: 1, event: eventOf(5) },
      { type: 'earlier events', events: [eventOf(3), eventOf(4), eventOf(5)] },
    )
    expect(state.events.map(({ id }) => id)).toEqual([3, 4, 5])
  })
})

test('samples of the last hour are kept', () => {
  const samples = Array.from({ length: KEPT_SAMPLES }, (_, index) => sampleAt(index * 1000))
  const state = after(
    { type: 'earlier samples', samples },
    { type: 'sample', at: 0, sample: sampleAt(9_999_000) },
  )
  expect(state.samples).toHaveLength(KEPT_SAMPLES)
  expect(state.samples[0]?.at).toBe(1000)
  expect(state.samples.at(-1)?.at).toBe(9_999_000)
})

test('a job is shown as it was said last, the newest first', () => {
  const state = after(
    { type: 'jobs', jobs: [jobOf('a', '2026-01-01T00:00:00Z', 'running')] },
    { type: 'job', at: 0, job: jobOf('b', '2026-01-01T00:00:01Z', 'running') },
    { type: 'job', at: 0, job: jobOf('a', '2026-01-01T00:00:00Z', 'done') },
  )
  expect(state.jobs.map(({ id, state: is }) => [id, is])).toEqual([
    ['b', 'running'],
    ['a', 'done'],
  ])
})
