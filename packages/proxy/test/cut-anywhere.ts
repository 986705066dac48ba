import type { Random } from '../../../test/random.js'

/** The same bytes, cut at any places into pieces: some of none, many of one. */
export function cutAnywhere(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  // Many small pieces of something long would take their time and find nothing more.
  const longest = random.pick([1, 3, 10, 100, bytes.length].filter((length) => length * 300 >= bytes.length))
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.between(0, longest))
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
