import type { Halves } from './halves.js'
import { toBigInt } from './halves.js'
import { hashBytes } from './jenkins-hash.js'
import { lowestPosition } from './line.js'
import type { Stretch } from './shard-map.js'

interface RingPoint extends Halves {
  readonly shard: string
}

/**
 * The ring of consistent hashing, cut open where the line of hashes begins: each shard has
 * `virtualNodes` points on it and owns what lies between each of them and the next point of anyone.
 *
 * Point i of a shard is `hashtextextended(NAME, i)`, so that it can be looked up in SQL, and depends on
 * nobody else: that is why a shard that comes or goes changes only what is its own. (Karger, Lehman,
 * Leighton, Panigrahy, Levine, Lewin: "Consistent Hashing and Random Trees", STOC 1997, section 4; there
 * a key belongs to the next point, here to the one before, which is the same ring read backwards.)
 */
export function drawRing(shards: readonly string[], virtualNodes: number): Stretch[] {
  const points = shards.flatMap((shard) => pointsOf(shard, virtualNodes)).sort(compare)
  const distinct = points.filter((point, index) => {
    const before = points[index - 1]
    return before === undefined || before.high !== point.high || before.low !== point.low
  })
  const line = { kind: 'hash' } as const
  const stretches = distinct.map((point) => ({ from: toBigInt(point), owner: point.shard }))
  const last = stretches.at(-1)
  if (last === undefined || stretches[0]?.from === lowestPosition(line)) return stretches
  return [{ from: lowestPosition(line), owner: last.owner }, ...stretches]
}

function pointsOf(shard: string, virtualNodes: number): RingPoint[] {
  const name = new TextEncoder().encode(shard)
  return Array.from({ length: virtualNodes }, (_, index) => {
    const point = { shard, high: 0, low: 0 }
    hashBytes(name, name.length, { high: 0, low: index }, point)
    return point
  })
}

/** Two shards whose points fall together, which never happens to anyone, are told apart by their names. */
function compare(a: RingPoint, b: RingPoint): number {
  return a.high - b.high || (a.low >>> 0) - (b.low >>> 0) || (a.shard < b.shard ? -1 : 1)
}
