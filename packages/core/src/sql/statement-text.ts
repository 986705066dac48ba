import { type LiteralSpan, lexStatement } from './lex-statement.js'

/** A part of a statement as one of its own. */
export interface StatementPart {
  readonly text: string
  /** Which parameters of the whole it has, in the order in which it counts them; from 1. */
  readonly parameters: readonly number[]
}

/** Text as it is, or the number of a parameter. */
export type Piece = string | number

const QUOTE = 34
const OPEN = 40
const CLOSE = 41
const SINGLE = 39
const COMMA = 44
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93

/**
 * A statement as its shape, of which parts can be cut out with the literals that its text has there. The text
 * must be one that was understood, under standard_conforming_strings.
 */
export class StatementText {
  readonly shape: string
  readonly #text: string
  readonly #literals: readonly LiteralSpan[]
  readonly #placeholders: readonly LiteralSpan[]

  constructor(text: string) {
    const { shape, literals } = lexStatement(text, { backslashQuotes: false })
    this.#text = text
    this.shape = shape
    this.#literals = literals
    this.#placeholders = lexStatement(shape, { backslashQuotes: false }).literals
  }

  /** False where parts cannot be told apart for certain. */
  get isPlain(): boolean {
    return this.#placeholders.length === this.#literals.length
  }

  /** The literal that stands at a place of the shape, as the text has it; null: there is none. */
  literalAt(at: number): string | null {
    return this.literal(this.#placeholders.findIndex(({ start }) => start === at))
  }

  /** The literal of that index, as the text has it. */
  literal(index: number): string | null {
    const span = this.#literals[index]
    return span === undefined ? null : this.#text.slice(span.start, span.end)
  }

  /** A stretch of the shape with the literals that the text has there, and its parameters. */
  pieces(from: number, to: number): Piece[] {
    const pieces: Piece[] = []
    const addPlain = (start: number, end: number): void => {
      let at = start
      for (const match of this.shape.slice(start, end).matchAll(PARAMETER)) {
        if (match[1] === undefined) continue
        pieces.push(this.shape.slice(at, start + match.index), Number(match[1]))
        at = start + match.index + match[0].length
      }
      pieces.push(this.shape.slice(at, end))
    }
    let at = from
    for (let index = firstFrom(this.#placeholders, from); index < this.#placeholders.length; index++) {
      const placeholder = this.#placeholders[index] as LiteralSpan
      if (placeholder.start >= to) break
      const { start, end } = this.#literals[index] as LiteralSpan
      addPlain(at, placeholder.start)
      pieces.push(this.#text.slice(start, end))
      at = placeholder.end
    }
    addPlain(at, to)
    return pieces
  }

  /** The shape with a parameter in place of each literal, in their order; null where they cannot be told apart. */
  withParameters(): string | null {
    if (!this.isPlain) return null
    let text = ''
    let at = 0
    this.#placeholders.forEach(({ start, end }, index) => {
      text += `${this.shape.slice(at, start)}$${index + 1}`
      at = end
    })
    return text + this.shape.slice(at)
  }

  /** The same as text. */
  textOf(from: number, to: number): string {
    return this.pieces(from, to)
      .map((piece) => (typeof piece === 'number' ? `$${piece}` : piece))
      .join('')
  }

  /** Where one of these words stands outside of parentheses and quotes, from `at` on; -1: nowhere. */
  findWord(words: readonly string[], at = 0): number {
    const { shape } = this
    let depth = 0
    for (; at < shape.length; at++) {
      const code = shape.charCodeAt(at)
      if (code === QUOTE || code === SINGLE) at = endOfQuoted(shape, at, code)
      else if (code === OPEN) depth++
      else if (code === CLOSE) depth--
      else if (depth === 0 && words.some((word) => isWord(shape, at, word))) return at
    }
    return -1
  }

  /** Where the next comma stands outside of parentheses, brackets and quotes; -1: nowhere. */
  findComma(at: number): number {
    const { shape } = this
    let depth = 0
    for (; at < shape.length; at++) {
      const code = shape.charCodeAt(at)
      if (code === QUOTE || code === SINGLE) at = endOfQuoted(shape, at, code)
      else if (code === OPEN || code === OPEN_BRACKET) depth++
      else if (code === CLOSE || code === CLOSE_BRACKET) depth--
      else if (code === COMMA && depth === 0) return at
    }
    return -1
  }

  /** Behind the parenthesis that closes the one at `at`; -1: there is none. */
  endOfParentheses(at: number): number {
    const { shape } = this
    let depth = 0
    for (; at < shape.length; at++) {
      const code = shape.charCodeAt(at)
      if (code === QUOTE || code === SINGLE) at = endOfQuoted(shape, at, code)
      else if (code === OPEN) depth++
      else if (code === CLOSE && --depth === 0) return at + 1
    }
    return -1
  }
}

/** Where what is quoted from `at` on ends; in a shape there is nothing inside of strings. */
function endOfQuoted(shape: string, at: number, quote: number): number {
  for (at++; at < shape.length && shape.charCodeAt(at) !== quote; at++);
  return at
}

const WORD = /[\w$\u0080-\uffff]/
/** A word behind one of these is a name. */
const BEFORE_NAME = /(?:\.|\bas) ?$/i

function isWord(shape: string, at: number, word: string): boolean {
  if (shape.slice(at, at + word.length).toLowerCase() !== word) return false
  if (WORD.test(shape[at - 1] ?? ' ') || WORD.test(shape[at + word.length] ?? ' ')) return false
  return !BEFORE_NAME.test(shape.slice(Math.max(0, at - 5), at))
}

/** A parameter, with its number, or what may have a dollar sign in it and is none: a name. */
export const PARAMETER = /"(?:[^"]|"")*"|[\w\x80-\uffff][\w$\x80-\uffff]*|\$(\d+)/g

function firstFrom(spans: readonly LiteralSpan[], from: number): number {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((spans[middle] as LiteralSpan).start < from) low = middle + 1
    else high = middle
  }
  return low
}

/** PostgreSQL must be able to tell the type of every parameter up to the last: those left out are not counted. */
export function assemble(pieces: readonly Piece[]): StatementPart {
  const numbers = new Map<number, number>()
  let text = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece
      continue
    }
    let number = numbers.get(piece)
    if (number === undefined) {
      number = numbers.size + 1
      numbers.set(piece, number)
    }
    text += `$${number}`
  }
  return { text, parameters: [...numbers.keys()] }
}
