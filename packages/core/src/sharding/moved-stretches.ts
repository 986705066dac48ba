import { HerdError } from '../errors.js'
import { comparePositions } from './line.js'
import type { Move } from './move-stretch.js'
import { type ShardMap, stretchesOf } from './shard-map.js'

/** A part of the line that has another owner in the later map. */
export interface Moved extends Move {
  readonly source: string
}

/** What lies between two maps of one line, in order: what must move. Throws `SHARD_MAP_INVALID`. */
export function movedStretches(before: ShardMap, after: ShardMap): Moved[] {
  if (JSON.stringify(before.line) !== JSON.stringify(after.line))
    throw new HerdError(
      'SHARD_MAP_INVALID',
      'The two maps are of different lines, so their positions do not compare.',
    )
  const [old, young] = [stretchesOf(before), stretchesOf(after)]
  const cuts = [...old, ...young].map(({ from }) => from).sort(comparePositions)
  const moved: Moved[] = []
  let [inOld, inYoung] = [0, 0]
  for (const [index, from] of cuts.entries()) {
    if (cuts[index + 1] === from) continue
    while (
      old[inOld + 1] !== undefined &&
      comparePositions((old[inOld + 1] as { from: typeof from }).from, from) <= 0
    )
      inOld++
    while (
      young[inYoung + 1] !== undefined &&
      comparePositions((young[inYoung + 1] as { from: typeof from }).from, from) <= 0
    )
      inYoung++
    const [source, owner] = [old[inOld]?.owner as string, young[inYoung]?.owner as string]
    const to = cuts[index + 1] ?? null
    const last = moved.at(-1)
    if (source === owner) continue
    if (last !== undefined && last.to === from && last.source === source && last.owner === owner)
      moved[moved.length - 1] = { ...last, to }
    else moved.push({ from, to, source, owner })
  }
  return moved
}
