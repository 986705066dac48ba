import type { TimeRange } from './time-range.js'

/** What can be done to the stretch of time that is shown, one step at a time. */
export const MOVES = ['closer', 'wider', 'earlier', 'later'] as const
export type Move = (typeof MOVES)[number]

/** Nobody sees more in less: a figure comes each second. */
const SHORTEST_S = 5

/**
 * The stretch after a step, within all that there is. Closer keeps the end, since most look at what came last;
 * earlier and later go on by half of what is shown, so that the eye finds its place again.
 */
export function moveRange({ from, to }: TimeRange, move: Move, all: TimeRange): TimeRange {
  const length = to - from
  switch (move) {
    case 'closer':
      return within({ from: to - Math.max(SHORTEST_S, length / 2), to }, all)
    case 'wider':
      return within({ from: to - length * 2, to }, all)
    case 'earlier':
      return within({ from: from - length / 2, to: to - length / 2 }, all)
    case 'later':
      return within({ from: from + length / 2, to: to + length / 2 }, all)
  }
}

/** Moved, and cut only where it is longer than all there is. */
function within({ from, to }: TimeRange, all: TimeRange): TimeRange {
  const length = Math.min(to - from, all.to - all.from)
  const start = Math.min(Math.max(from, all.from), all.to - length)
  return { from: start, to: start + length }
}
