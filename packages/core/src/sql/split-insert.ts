import { type LiteralSpan, lexStatement } from './lex-statement.js'

/** Some rows of an INSERT as a statement of its own. */
export interface InsertPart {
  readonly text: string
  /** Which parameters of the whole it has, in the order in which it counts them; from 1. */
  readonly parameters: readonly number[]
}

/** Text as it is, or the number of a parameter. */
type Piece = string | number

/** `INSERT … VALUES (…), (…) …`, taken apart at its rows. */
export interface InsertRows {
  readonly count: number
  /** The statement with those of its rows, in that order. */
  with(rows: readonly number[]): InsertPart
}

const QUOTE = 34
const OPEN = 40
const CLOSE = 41
const COMMA = 44
const SINGLE = 39

/**
 * Takes a single INSERT with VALUES apart. Null where the rows cannot be told apart for certain. The text
 * must be one that was understood, under standard_conforming_strings.
 */
export function splitInsert(text: string): InsertRows | null {
  const { shape, literals } = lexStatement(text, { backslashQuotes: false })
  const placeholders = lexStatement(shape, { backslashQuotes: false }).literals
  if (placeholders.length !== literals.length) return null
  const found = findRows(shape)
  if (found === null) return null
  const pieces = (from: number, to: number): Piece[] =>
    piecesOf(text, shape, literals, placeholders, from, to)
  const head = pieces(0, found.start)
  const tail = pieces(found.end, shape.length)
  const rows = found.rows.map(([from, to]) => pieces(from, to))
  return {
    count: rows.length,
    with: (wanted) => {
      const all: Piece[] = [...head]
      wanted.forEach((row, at) => {
        if (at > 0) all.push(', ')
        all.push(...(rows[row] as Piece[]))
      })
      all.push(...tail)
      return assemble(all)
    },
  }
}

interface RowRanges {
  readonly start: number
  readonly end: number
  readonly rows: readonly (readonly [from: number, to: number])[]
}

/** Where the rows behind the first VALUES outside of all parentheses stand in a shape. */
function findRows(shape: string): RowRanges | null {
  let depth = 0
  let at = 0
  let start = -1
  while (at < shape.length && start < 0) {
    const code = shape.charCodeAt(at)
    if (code === QUOTE || code === SINGLE) at = endOfQuoted(shape, at, code)
    else if (code === OPEN) depth++
    else if (code === CLOSE) depth--
    else if (depth === 0 && isWord(shape, at, 'values')) start = at + 'values'.length
    at++
  }
  if (start < 0) return null
  const rows: [number, number][] = []
  at = start
  for (;;) {
    while (shape[at] === ' ') at++
    if (shape.charCodeAt(at) !== OPEN) return null
    const end = endOfParentheses(shape, at)
    if (end < 0) return null
    rows.push([at, end])
    at = end
    while (shape[at] === ' ') at++
    if (shape.charCodeAt(at) !== COMMA) return { start: rows[0]?.[0] as number, end, rows }
    at++
  }
}

/** Behind the parenthesis that closes the one at `at`; -1: there is none. */
function endOfParentheses(shape: string, at: number): number {
  let depth = 0
  for (; at < shape.length; at++) {
    const code = shape.charCodeAt(at)
    if (code === QUOTE || code === SINGLE) at = endOfQuoted(shape, at, code)
    else if (code === OPEN) depth++
    else if (code === CLOSE && --depth === 0) return at + 1
  }
  return -1
}

/** Where what is quoted from `at` on ends; in a shape there is nothing inside of strings. */
function endOfQuoted(shape: string, at: number, quote: number): number {
  for (at++; at < shape.length && shape.charCodeAt(at) !== quote; at++);
  return at
}

const WORD = /[\w$\u0080-\uffff]/

function isWord(shape: string, at: number, word: string): boolean {
  if (shape.slice(at, at + word.length).toLowerCase() !== word) return false
  return !WORD.test(shape[at - 1] ?? ' ') && !WORD.test(shape[at + word.length] ?? ' ')
}

const PARAMETER = /(?<![\w$\u0080-\uffff])\$(\d+)/g

/** A stretch of a shape with the literals that the text has there, and its parameters. */
function piecesOf(
  text: string,
  shape: string,
  literals: readonly LiteralSpan[],
  placeholders: readonly LiteralSpan[],
  from: number,
  to: number,
): Piece[] {
  const pieces: Piece[] = []
  const addPlain = (start: number, end: number): void => {
    let at = start
    for (const match of shape.slice(start, end).matchAll(PARAMETER)) {
      pieces.push(shape.slice(at, start + match.index), Number(match[1]))
      at = start + match.index + match[0].length
    }
    pieces.push(shape.slice(at, end))
  }
  let at = from
  for (let index = firstFrom(placeholders, from); index < placeholders.length; index++) {
    const placeholder = placeholders[index] as LiteralSpan
    if (placeholder.start >= to) break
    const { start, end } = literals[index] as LiteralSpan
    addPlain(at, placeholder.start)
    pieces.push(text.slice(start, end))
    at = placeholder.end
  }
  addPlain(at, to)
  return pieces
}

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
function assemble(pieces: readonly Piece[]): InsertPart {
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
