import type { KeyReader } from '../../sharding/key-reader.js'
import { familyOf, type KeyType } from '../../sharding/key-type.js'
import type { LiteralSpan, ValueRef, WrittenValue } from '../../sql/index.js'
import { readArrayText } from './array-text.js'
import type { KeyReading, KeyValues } from './key-values.js'

/** The literals of one text. Of parameters it knows nothing: those are for `parameters`. */
export class LiteralValues implements KeyValues {
  readonly #text: string
  readonly #literals: readonly LiteralSpan[]
  readonly #parameters: KeyValues | null
  #array: { readonly index: number; readonly elements: readonly (string | null)[] | null } | null = null

  constructor(text: string, literals: readonly LiteralSpan[], parameters: KeyValues | null = null) {
    this.#text = text
    this.#literals = literals
    this.#parameters = parameters
  }

  read(ref: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    if (ref.kind === 'parameter') return this.#parameters?.read(ref, type, into) ?? 'unknown'
    const written = this.#written(ref)
    return written === null ? 'unknown' : readLiteral(written, ref.negative, type, into)
  }

  #written({ index }: ValueRef): WrittenValue | null {
    const span = this.#literals[index]
    if (span === undefined) return null
    return { kind: span.kind, written: this.#text.slice(span.start, span.end) }
  }

  countElements(ref: ValueRef): number | null {
    if (ref.kind === 'parameter') return this.#parameters?.countElements(ref) ?? null
    return this.#elementsOf(ref)?.length ?? null
  }

  readElement(ref: ValueRef, index: number, type: KeyType, into: KeyReader): KeyReading {
    if (ref.kind === 'parameter') return this.#parameters?.readElement(ref, index, type, into) ?? 'unknown'
    const element = this.#elementsOf(ref)?.[index]
    if (element === undefined) return 'unknown'
    return element === null ? 'null' : readKeyText(element, type, into)
  }

  #elementsOf(ref: ValueRef): readonly (string | null)[] | null {
    if (this.#array?.index !== ref.index) {
      const written = this.#written(ref)
      const text = written === null ? null : textOfString(written)
      this.#array = { index: ref.index, elements: text === null ? null : readArrayText(text) }
    }
    return this.#array?.elements ?? null
  }
}

/** Reads a key from a literal. */
export function readLiteral(
  value: WrittenValue,
  negative: boolean,
  type: KeyType,
  into: KeyReader,
): KeyReading {
  const { kind, written } = value
  if (kind === 'integer' || kind === 'number') {
    // A number is compared as one: with text or a uuid not at all.
    if (familyOf(type) !== 'integer' || !DIGITS.test(written)) return 'unknown'
    return readKeyText(negative ? `-${written}` : written, type, into)
  }
  const text = textOfString(value)
  return text === null || negative ? 'unknown' : readKeyText(text, type, into)
}

const DIGITS = /^\d+$/
const WHOLE_NUMBER = /^[ \t\n\v\f\r]*[+-]?\d+[ \t\n\v\f\r]*$/
const BITS = { int2: 16, int4: 32, int8: 64 } as const

/** Reads a key from the text that PostgreSQL would read it from. */
export function readKeyText(text: string, type: KeyType, into: KeyReader): KeyReading {
  if (type === 'int2' || type === 'int4' || type === 'int8') {
    if (!WHOLE_NUMBER.test(text)) return 'unknown'
    // Fifteen digits and a sign are exact in a number, and fewer than nine fit an int4.
    if (text.length > 8 || type === 'int2') {
      const number = BigInt(text.trim().replace('+', ''))
      if (BigInt.asIntN(BITS[type], number) !== number) return 'outside'
    }
  }
  // A varchar(3) cuts 'abc  ' to 'abc', and nobody here knows its length.
  if (type === 'varchar' && text.endsWith(' ')) return 'unknown'
  try {
    into.read(type, text)
    return 'value'
  } catch {
    return 'unknown'
  }
}

/** What a string literal says, null for those with escapes and for those that go on on further lines. */
function textOfString({ kind, written }: WrittenValue): string | null {
  if (kind === 'string') return unquote(written.slice(1, -1))
  if (kind === 'dollar-string') {
    const tag = written.indexOf('$', 1) + 1
    return written.slice(tag, -tag)
  }
  if (kind !== 'escape-string') return null
  const inside = written.slice(2, -1)
  return inside.includes('\\') ? null : unquote(inside)
}

function unquote(inside: string): string | null {
  if (!inside.includes("'")) return inside
  const unquoted = inside.replaceAll("''", '\0')
  return unquoted.includes("'") ? null : unquoted.replaceAll('\0', "'")
}
