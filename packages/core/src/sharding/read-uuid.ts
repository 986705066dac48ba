import { HerdError } from '../errors.js'

export const UUID_BYTES = 16

/**
 * Reads a uuid from any spelling PostgreSQL takes: either case, braces around it or not, a hyphen
 * after any four digits. Throws `SHARD_KEY_INVALID`.
 */
export function readUuid(text: string, into: Uint8Array): void {
  const braced = text.startsWith('{')
  const end = braced ? text.length - 1 : text.length
  if (braced && text[end] !== '}') throw notAUuid(text)
  let at = braced ? 1 : 0
  for (let byte = 0; byte < UUID_BYTES; byte++) {
    const value = digitAt(text, at) * 16 + digitAt(text, at + 1)
    // A digit that is none is NaN, and so is the sum.
    if (!(value >= 0) || at + 2 > end) throw notAUuid(text)
    into[byte] = value
    at += 2
    if (byte % 2 === 1 && byte < UUID_BYTES - 1 && text[at] === '-') at++
  }
  if (at !== end) throw notAUuid(text)
}

/** The canonical spelling. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, UUID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : Number.NaN
}

function notAUuid(text: string): HerdError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text
  return new HerdError('SHARD_KEY_INVALID', `A shard key of type uuid cannot be ${JSON.stringify(shown)}.`)
}
