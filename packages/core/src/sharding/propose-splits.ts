import { comparePositions, type Position } from './line.js'

interface Weighed {
  readonly position: Position
  count: number
}

/**
 * Proposes where to split a line into `parts` ranges so that the fullest holds as few of the samples as
 * can be. There are fewer splits where there are fewer distinct samples than parts.
 *
 * (Cutting a row of weights into intervals with the least maximum, by bisecting over the maximum.)
 */
export function proposeSplits(samples: readonly Position[], parts: number): Position[] {
  const weighed = weigh(samples)
  let low = Math.max(1, ...[weighed.reduce((most, { count }) => Math.max(most, count), 0)])
  let high = Math.max(low, samples.length)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (cut(weighed, parts, middle).length < parts) high = middle
    else low = middle + 1
  }
  return cut(weighed, parts, low)
}

function weigh(samples: readonly Position[]): Weighed[] {
  const weighed: Weighed[] = []
  for (const position of [...samples].sort(comparePositions)) {
    const last = weighed.at(-1)
    if (last?.position === position) last.count++
    else weighed.push({ position, count: 1 })
  }
  return weighed
}

/** Fills one range after the other, leaving at least one sample for each that is still to come. */
function cut(weighed: readonly Weighed[], parts: number, most: number): Position[] {
  const splits: Position[] = []
  let filled = 0
  for (const [index, { position, count }] of weighed.entries()) {
    const rangesLeft = parts - 1 - splits.length
    if (index > 0 && (filled + count > most || weighed.length - index <= rangesLeft)) {
      splits.push(position)
      filled = 0
    }
    filled += count
  }
  return splits
}
