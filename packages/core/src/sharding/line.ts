import { HerdError } from '../errors.js'
import type { KeyFamily } from './key-type.js'
import { formatUuid, readUuid, UUID_BYTES } from './read-uuid.js'

/**
 * What positions are, and so in which order they stand:
 * - `hash`: PostgreSQL's 64-bit hash of the key, as SQL's signed bigint.
 * - `remainder`: the upper half of that hash, unsigned, modulo `modulus`.
 * - `key`: the key itself, in PostgreSQL's order; text in that of collation "C".
 */
export type Line =
  | { readonly kind: 'hash' }
  | { readonly kind: 'remainder'; readonly modulus: number }
  | { readonly kind: 'key'; readonly family: KeyFamily }

/** A place on a line: a whole number, or text, or a uuid in its canonical spelling. */
export type Position = bigint | string

const LOWEST = -(2n ** 63n)

/** Whether positions on this line are whole numbers. */
export function isOfNumbers(line: Line): boolean {
  return line.kind !== 'key' || line.family === 'integer'
}

/** The position at which every line begins; nothing comes before it. */
export function lowestPosition(line: Line): Position {
  if (line.kind === 'remainder') return 0n
  if (isOfNumbers(line)) return LOWEST
  return line.kind === 'key' && line.family === 'uuid' ? formatUuid(new Uint8Array(UUID_BYTES)) : ''
}

/** Negative, 0 or positive, as `a` comes before `b`, is the same, or comes after. */
export function comparePositions(a: Position, b: Position): number {
  if (typeof a === 'string' && typeof b === 'string') return compareByBytes(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** The order of text in UTF-8 is that of its code points, which that of UTF-16 is not beyond U+D7FF. */
function compareByBytes(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) {
    const difference = rankOf(a.charCodeAt(at)) - rankOf(b.charCodeAt(at))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Halves of a character beyond U+FFFF come after all that need no halves. */
function rankOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/** Says that something is a position of this line, in the one spelling it has. Throws `SHARD_MAP_INVALID`. */
export function checkPosition(line: Line, position: unknown): Position {
  const checked = isOfNumbers(line) ? checkNumber(line, position) : checkText(line, position)
  if (checked !== undefined) return checked
  throw new HerdError(
    'SHARD_MAP_INVALID',
    `${describeLine(line)} has no position ${typeof position === 'string' ? JSON.stringify(position) : String(position)}.`,
  )
}

function checkNumber(line: Line, position: unknown): bigint | undefined {
  if (typeof position === 'string' && !/^-?\d{1,20}$/.test(position)) return undefined
  if (typeof position !== 'string' && typeof position !== 'bigint') return undefined
  const number = BigInt(position)
  if (line.kind === 'remainder') return number >= 0n && number < BigInt(line.modulus) ? number : undefined
  return BigInt.asIntN(64, number) === number ? number : undefined
}

function checkText(line: Line, position: unknown): string | undefined {
  if (typeof position !== 'string') return undefined
  if (line.kind === 'key' && line.family === 'uuid') return canonicalUuid(position)
  return /[\0\p{Surrogate}]/u.test(position) ? undefined : position
}

function canonicalUuid(text: string): string | undefined {
  const bytes = new Uint8Array(UUID_BYTES)
  try {
    readUuid(text, bytes)
    return formatUuid(bytes)
  } catch {
    return undefined
  }
}

/** A line as a sentence begins with it. */
export function describeLine(line: Line): string {
  if (line.kind === 'hash') return 'The line of hashes'
  if (line.kind === 'remainder') return `The line of remainders of ${line.modulus}`
  return `The line of ${line.family} keys`
}
