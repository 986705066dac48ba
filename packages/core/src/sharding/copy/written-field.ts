const BACKSLASH = 92
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [98, 8], // b
  [102, 12], // f
  [110, 10], // n
  [114, 13], // r
  [116, 9], // t
  [118, 11], // v
])

/**
 * What a column in the text format means, put into `into`, which has room for as many bytes as are written; says
 * how many they are. (`CopyReadAttributesText`, src/backend/commands/copyfromparse.c.)
 */
export function readTextField(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let length = 0
  for (let at = from; at < to; ) {
    let byte = bytes[at++] as number
    if (byte === BACKSLASH) {
      // One that nothing follows means nothing.
      if (at === to) break
      byte = bytes[at++] as number
      const digits = byte === 120 ? digitsAt(bytes, at, to, 2, 16) : digitsAt(bytes, at - 1, to, 3, 8)
      if (digits > 0) {
        const first = byte === 120 ? at : at - 1
        byte = numberAt(bytes, first, digits, byte === 120 ? 16 : 8)
        at = first + digits
      } else byte = ESCAPES.get(byte) ?? byte
    }
    into[length++] = byte
  }
  return length
}

function digitsAt(bytes: Uint8Array, from: number, to: number, most: number, radix: number): number {
  let count = 0
  while (count < most && from + count < to && digitOf(bytes[from + count] as number) < radix) count++
  return count
}

function numberAt(bytes: Uint8Array, from: number, count: number, radix: number): number {
  let number = 0
  for (let at = from; at < from + count; at++) number = number * radix + digitOf(bytes[at] as number)
  return number & 255
}

function digitOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : 99
}

/** The same of a column in CSV. (`CopyReadAttributesCSV`.) */
export function readCsvField(
  bytes: Uint8Array,
  from: number,
  to: number,
  quote: number,
  escapeSign: number,
  into: Uint8Array,
): number {
  let length = 0
  let inQuotes = false
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    const next = bytes[at + 1] as number
    if (inQuotes && byte === escapeSign && at + 1 < to && (next === escapeSign || next === quote)) {
      into[length++] = next
      at++
    } else if (byte === quote) inQuotes = !inQuotes
    else into[length++] = byte
  }
  return length
}
