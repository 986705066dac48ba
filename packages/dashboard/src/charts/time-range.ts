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

/** The samples in it, and one more on either side, so that lines go on to the edge. */
export function samplesIn(samples: readonly Sample[], { from, to }: TimeRange): readonly Sample[] {
  const first = samples.findIndex(({ at }) => at / 1000 >= from)
  const last = samples.findLastIndex(({ at }) => at / 1000 <= to)
  return first === -1 ? [] : samples.slice(Math.max(0, first - 1), last + 2)
}
