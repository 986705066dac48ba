import type { HerdEventView, HerdView, Job, Problem, Sample } from '@pgherd/core/api'
import type { HerdStatus } from './topology.js'

/**
 * connecting  nothing was heard yet
 * live        what is shown is so now
 * lost        what is shown is old; it is being tried again
 * locked      a token is needed
 */
export type Connection = 'connecting' | 'live' | 'lost' | 'locked'

/** All that the page knows of the herd. */
export interface State {
  connection: Connection
  /** When something was heard last, in milliseconds since 1970; null before. */
  heardAt: number | null
  /** Why the connection is lost or locked. */
  problem: Problem | null
  herd: HerdView | null
  topology: HerdStatus | null
  /** Oldest first, each id once. */
  events: readonly HerdEventView[]
  /** Oldest first, one a second; the last hour at most. */
  samples: readonly Sample[]
  /** Newest first. */
  jobs: readonly Job[]
}

export const KEPT_EVENTS = 5000
export const KEPT_SAMPLES = 3600

export const INITIAL: State = {
  connection: 'connecting',
  heardAt: null,
  problem: null,
  herd: null,
  topology: null,
  events: [],
  samples: [],
  jobs: [],
}
