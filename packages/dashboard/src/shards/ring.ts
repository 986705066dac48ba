import type { ShardsView } from '@pgherd/core/api'

/** A stretch of the line of all keys that one shard has, in fractions of the line. */
export interface Segment {
  from: number
  to: number
  shard: string
}

/** Neighbours of one shard put together; where positions have no lengths all stretches are drawn alike. */
export function segmentsOf(stretches: ShardsView['stretches']): Segment[] {
  const segments: Segment[] = []
  stretches.forEach(({ start, shard }, index) => {
    const from = start ?? index / stretches.length
    const next = stretches[index + 1]
    const to = next === undefined ? 1 : (next.start ?? (index + 1) / stretches.length)
    const last = segments.at(-1)
    if (last?.shard === shard) last.to = to
    else segments.push({ from, to, shard })
  })
  return segments
}

/** An arc of a ring around (0, 0), clockwise from the top. */
export function arcPath({ from, to }: Pick<Segment, 'from' | 'to'>, inner: number, outer: number): string {
  const end = Math.min(to, from + 0.99999)
  const isLarge = end - from > 0.5 ? 1 : 0
  const [a, b, c, d] = [pointAt(from, outer), pointAt(end, outer), pointAt(end, inner), pointAt(from, inner)]
  return `M${a} A${outer} ${outer} 0 ${isLarge} 1 ${b} L${c} A${inner} ${inner} 0 ${isLarge} 0 ${d} Z`
}

export function pointAt(fraction: number, radius: number): string {
  const angle = fraction * 2 * Math.PI
  return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`
}
