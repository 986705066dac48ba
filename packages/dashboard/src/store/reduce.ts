import type { HerdEventView, HerdView, Job, Problem, Sample } from '@pgherd/core/api'
import { KEPT_EVENTS, KEPT_SAMPLES, type State } from './state.js'
import type { HerdStatus } from './topology.js'

/** Everything that can change what the page knows. `at`: when it was heard, in milliseconds since 1970. */
export type Action =
  | { type: 'opened'; at: number }
  | { type: 'lost'; problem: Problem }
  | { type: 'herd'; herd: HerdView }
  | { type: 'topology'; at: number; topology: HerdStatus }
  | { type: 'event'; at: number; event: HerdEventView }
  | { type: 'sample'; at: number; sample: Sample }
  | { type: 'job'; at: number; job: Job }
  | { type: 'earlier events'; events: readonly HerdEventView[] }
  | { type: 'earlier samples'; samples: readonly Sample[] }
  | { type: 'jobs'; jobs: readonly Job[] }

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'opened':
      return { ...state, connection: 'live', heardAt: action.at, problem: null }
    case 'lost':
      return {
        ...state,
        connection: action.problem.status === 401 ? 'locked' : 'lost',
        problem: action.problem,
      }
    case 'herd':
      return { ...state, herd: action.herd }
    case 'topology':
      return { ...state, heardAt: action.at, topology: action.topology }
    case 'event':
      return { ...state, heardAt: action.at, events: mergeEvents(state.events, [action.event]) }
    case 'sample':
      return { ...state, heardAt: action.at, samples: mergeSamples(state.samples, [action.sample]) }
    case 'job':
      return { ...state, heardAt: action.at, jobs: mergeJobs(state.jobs, [action.job]) }
    case 'earlier events':
      return { ...state, events: mergeEvents(state.events, action.events) }
    case 'earlier samples':
      return { ...state, samples: mergeSamples(state.samples, action.samples) }
    case 'jobs':
      return { ...state, jobs: mergeJobs(state.jobs, action.jobs) }
  }
}

/** In the order of their ids, each once: what a reconnect repeats is not shown twice. */
function mergeEvents(
  known: readonly HerdEventView[],
  more: readonly HerdEventView[],
): readonly HerdEventView[] {
  return mergeBy(known, more, (event) => event.id).slice(-KEPT_EVENTS)
}

function mergeSamples(known: readonly Sample[], more: readonly Sample[]): readonly Sample[] {
  return mergeBy(known, more, (sample) => sample.at).slice(-KEPT_SAMPLES)
}

/** Ascending by a number that tells them apart; the later word on the same one wins. */
function mergeBy<T>(known: readonly T[], more: readonly T[], numberOf: (each: T) => number): readonly T[] {
  const last = known.at(-1)
  const [first] = more
  if (first === undefined) return known
  if (more.length === 1 && (last === undefined || numberOf(first) > numberOf(last))) return [...known, first]
  const byNumber = new Map([...known, ...more].map((each) => [numberOf(each), each]))
  return [...byNumber.values()].sort((a, b) => numberOf(a) - numberOf(b))
}

/** Newest first. */
function mergeJobs(known: readonly Job[], more: readonly Job[]): readonly Job[] {
  const byId = new Map([...known, ...more].map((job) => [job.id, job]))
  return [...byId.values()].sort((a, b) => b.startedAt.localeCompare(a.startedAt))
}
