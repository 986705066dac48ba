import { setTimeout as delay } from 'node:timers/promises'

/** Time, so that a test can have it run faster. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves after `ms`, or at once when `signal` says so. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const WALL_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
}
