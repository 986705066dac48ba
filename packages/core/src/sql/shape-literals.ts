import { type LiteralSpan, lexStatement } from './lex-statement.js'

const MINUS = 45
const SPACE = 32
const OPEN = 40

/** A literal of a shape, found by where the parser says that it stands. */
export interface FoundLiteral {
  index: number
  /** The number of minus signs before it is odd. */
  negative: boolean
}

/**
 * The literals of a shape by the parser's locations, which are byte offsets in UTF-8.
 *
 * The parser folds signs into a number and locates it at the first sign: `- (- 5)` stands where its first
 * minus does.
 */
export class ShapeLiterals {
  private readonly shape: string
  private readonly indexByStart = new Map<number, number>()
  private readonly literals: readonly LiteralSpan[]
  /** Of every byte the UTF-16 unit it belongs to; null for ASCII, where they are the same. */
  private readonly unitOfByte: readonly number[] | null

  constructor(shape: string) {
    this.shape = shape
    this.literals = lexStatement(shape, { backslashQuotes: false }).literals
    this.literals.forEach((literal, index) => {
      this.indexByStart.set(literal.start, index)
    })
    this.unitOfByte = unitsByByte(shape)
  }

  get count(): number {
    return this.literals.length
  }

  find(location: unknown): FoundLiteral | null {
    if (typeof location !== 'number' || location < 0) return null
    let at = this.unitOfByte === null ? location : (this.unitOfByte[location] ?? -1)
    let negative = false
    for (;;) {
      const index = this.indexByStart.get(at)
      if (index !== undefined) return { index, negative }
      const code = this.shape.charCodeAt(at)
      if (code === MINUS) negative = !negative
      else if (code !== SPACE && code !== OPEN) return null
      at++
    }
  }
}

function unitsByByte(text: string): number[] | null {
  const units: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code >= 0xd800 && code <= 0xdfff ? 2 : 3
    for (let byte = 0; byte < bytes; byte++) units.push(at)
  }
  return units.length === text.length ? null : units
}
