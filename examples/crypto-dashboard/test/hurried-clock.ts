import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../src/collector/clock.js'

/** A clock that begins at `startMs` and runs `times` as fast. */
export function hurriedClock(startMs: number, times: number): Clock {
  const begun = performance.now()
  return {
    now: () => startMs + (performance.now() - begun) * times,
    sleep: (ms, signal) => delay(ms / times, undefined, { signal }).catch(() => {}),
  }
}
