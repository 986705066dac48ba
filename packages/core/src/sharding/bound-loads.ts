import type { Stretch } from './shard-map.js'

const WHOLE_LINE = 2n ** 64n
const END = 2n ** 63n

/**
 * Passes on what is more than a shard may hold, so that none owns more than `loadLimit` times the mean
 * of the line. A stretch, or the part of one for which its shard has no room, goes to the first shard
 * with room going back along the ring.
 *
 * (Mirrokni, Thorup, Zadimoghaddam: "Consistent Hashing with Bounded Loads", 2016. There balls go into
 * bins of limited capacity; here every position is a ball, and they come in the order of the line.)
 */
export function boundLoads(
  ring: readonly Stretch[],
  shards: readonly string[],
  loadLimit: number,
): Stretch[] {
  const room = new Map(shards.map((shard) => [shard, capacity(shards.length, loadLimit)]))
  const bounded: Stretch[] = []
  for (const [index, { from }] of ring.entries()) {
    let at = from as bigint
    const end = (ring[index + 1]?.from as bigint | undefined) ?? END
    for (let back = 0; at < end; back++) {
      const { owner } = ring[(index - back + ring.length) % ring.length] as Stretch
      const free = room.get(owner) as bigint
      const taken = free < end - at ? free : end - at
      if (taken === 0n) continue
      bounded.push({ from: at, owner })
      room.set(owner, free - taken)
      at += taken
    }
  }
  return bounded
}

/** Rounded up, so that all have room for the whole line together. */
function capacity(shards: number, loadLimit: number): bigint {
  const mean = WHOLE_LINE / BigInt(shards) + 1n
  return (mean * BigInt(Math.ceil(loadLimit * 1_000_000))) / 1_000_000n
}
