/** Where stretches begin on a line of text or uuids: start i is `bytes` from `offsets[i]` to `offsets[i + 1]`. */
export interface ByteStarts {
  readonly kind: 'bytes'
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
}

export function packByteStarts(starts: readonly Uint8Array[]): ByteStarts {
  const offsets = new Uint32Array(starts.length + 1)
  for (const [index, start] of starts.entries())
    offsets[index + 1] = (offsets[index] as number) + start.length
  const bytes = new Uint8Array(offsets[starts.length] as number)
  for (const [index, start] of starts.entries()) bytes.set(start, offsets[index])
  return { kind: 'bytes', bytes, offsets }
}

/** The stretch in which the first `length` of `key` lie, in the order of `memcmp`. */
export function findBytes(starts: ByteStarts, key: Uint8Array, length: number): number {
  let first = 0
  let last = starts.offsets.length - 2
  while (first < last) {
    const middle = (first + last + 1) >>> 1
    if (startsAfter(starts, middle, key, length)) last = middle - 1
    else first = middle
  }
  return first
}

function startsAfter(starts: ByteStarts, stretch: number, key: Uint8Array, length: number): boolean {
  const { bytes, offsets } = starts
  const from = offsets[stretch] as number
  const startLength = (offsets[stretch + 1] as number) - from
  const shorter = Math.min(startLength, length)
  for (let at = 0; at < shorter; at++) {
    const difference = (bytes[from + at] as number) - (key[at] as number)
    if (difference !== 0) return difference > 0
  }
  return startLength > length
}

export function byteStartAt(starts: ByteStarts, stretch: number): Uint8Array {
  return starts.bytes.subarray(starts.offsets[stretch], starts.offsets[stretch + 1])
}
