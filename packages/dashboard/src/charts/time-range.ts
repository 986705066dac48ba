import type { Sample } from '@pgherd/core/api'

/** Seconds since 1970. */
export interface TimeRange {
  from: number
  to: number
}

/** How much of the past there is to choose from, in seconds. */
export const WINDOWS = [60, 300, 900, 3600] as const
export type Window = (typeof WINDOWS)[number]

/** What is to be seen: the chosen stretch, or the last moments up to now. */
export function rangeOf(samples: readonly Sample[], window: Window, zoom: TimeRange | null): TimeRange {
  if (zoom !== null) return zoom
  const to = (samples.at(-1)?.at ?? 0) / 1000
  return { from: to - window, to }
}

/** A chart of more points would have less than a pixel for each. */
export const MAX_POINTS = 400

/**
 * The name of the picture that is due. Charts are drawn anew when they would differ by a point (each second for
 * the last minutes, every nine seconds for an hour), or when the past has been fetched.
 */
export function pictureDue(samples: readonly Sample[], window: Window): string {
  const stepSeconds = Math.ceil(window / MAX_POINTS)
  return `${Math.floor((samples.at(-1)?.at ?? 0) / 1000 / stepSeconds)} of ${Math.ceil(samples.length / 60)}`
}

/** The samples in it, and one more on either side, so that lines go on to the edge. */
export function samplesIn(samples: readonly Sample[], { from, to }: TimeRange): readonly Sample[] {
  const first = samples.findIndex(({ at }) => at / 1000 >= from)
  const last = samples.findLastIndex(({ at }) => at / 1000 <= to)
  return first === -1 ? [] : samples.slice(Math.max(0, first - 1), last + 2)
}
