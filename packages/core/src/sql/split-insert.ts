import type { LiteralSpan } from './lex-statement.js'
import { assemble, type Piece, type StatementPart, StatementText } from './statement-text.js'

/** `INSERT … VALUES (…), (…) …`, taken apart at its rows. */
export interface InsertRows {
  readonly count: number
  /** The statement with those of its rows, in that order. */
  with(rows: readonly number[]): StatementPart
}

const OPEN = '('

/** Takes a single INSERT with VALUES apart. Null where the rows cannot be told apart for certain. */
export function splitInsert(text: string): InsertRows | null {
  const statement = new StatementText(text)
  const ranges = statement.isPlain ? findRows(statement) : []
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (first === undefined || last === undefined) return null
  const head = statement.pieces(0, first[0])
  const tail = statement.pieces(last[1], statement.shape.length)
  const rows = ranges.map(([from, to]) => statement.pieces(from, to))
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

/** `INSERT INTO name (names) VALUES (`, as programs write it. */
const PLAIN_HEAD = /^\s*insert\s+into\s+[\w.]+\s*(\([\w\s,]*\)\s*)?values\s*\(/i
const ROW_OPENS = 40
const ROW_CLOSES = 41
const COMMA = 44
const SPACE = 32
/** What may begin something that must be read more closely: a quoted name, a comment, a parameter. */
const SUSPICIOUS: ReadonlySet<number> = new Set([34, 36, 39, 45, 47, 92])
const MINUS = 45

/**
 * The same for an INSERT of many rows without parameters, as programs write it, of which it is known where its
 * literals stand: the rows are cut out of the text as they are, without reading it once more. `columns`: names them
 * where the statement names none. Null where that cannot be done for certain.
 */
export function splitPlainInsert(
  text: string,
  literals: readonly LiteralSpan[],
  columns: readonly string[] | null,
): InsertRows | null {
  const found = PLAIN_HEAD.exec(text)
  if (found === null) return null
  const ends = findPlainRows(text, literals, found[0].length - 1)
  if (ends === null) return null
  const tail = text.slice(ends.at(-1))
  if (tail.includes('$')) return null
  const values = text.slice(0, found[0].length - 1).search(/values\s*$/i)
  const isNamed = found[1] !== undefined || columns === null
  const names = isNamed ? '' : `(${columns.map(quoted).join(', ')}) `
  const head = `${text.slice(0, values)}${names}values `
  return {
    count: ends.length / 2,
    with: (wanted) => {
      const rows = wanted.map((row) => text.slice(ends[2 * row], ends[2 * row + 1]))
      return { text: `${head}${rows.join(',')}${tail}`, parameters: [] }
    },
  }
}

/** Where each row begins and ends. */
function findPlainRows(text: string, literals: readonly LiteralSpan[], from: number): number[] | null {
  const ends: number[] = []
  let next = 0
  let depth = 0
  let at = from
  while (at < text.length) {
    const literal = literals[next]
    if (literal !== undefined && literal.start <= at) {
      // One in front of the rows is nothing that is known here.
      if (literal.start < at) return null
      at = literal.end
      next++
      continue
    }
    const code = text.charCodeAt(at)
    if (SUSPICIOUS.has(code) && !(code === MINUS && literal?.start === at + 1)) return null
    if (code === ROW_OPENS && depth++ === 0) ends.push(at)
    if (code === ROW_CLOSES && --depth === 0) {
      ends.push(++at)
      while (text.charCodeAt(at) === SPACE) at++
      if (text.charCodeAt(at) !== COMMA) return ends
      at++
      while (isSpace(text.charCodeAt(at))) at++
      if (text.charCodeAt(at) !== ROW_OPENS) return null
      continue
    }
    at++
  }
  return null
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= 9 && code <= 13)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * An INSERT with VALUES that names no columns, with these named, so that it means them whatever order they have by
 * now. Null where it cannot be said where they belong.
 */
export function nameColumns(text: string, columns: readonly string[]): string | null {
  const statement = new StatementText(text)
  const at = statement.isPlain ? statement.findWord(['overriding', 'values']) : -1
  if (at < 0) return null
  const { shape } = statement
  const names = columns.map(quoted).join(', ')
  return `${statement.textOf(0, at)}(${names}) ${statement.textOf(at, shape.length)}`
}

/** Where the rows behind the first VALUES outside of all parentheses stand in the shape. */
function findRows(statement: StatementText): (readonly [from: number, to: number])[] {
  const { shape } = statement
  const start = statement.findWord(['values'])
  if (start < 0) return []
  const rows: [number, number][] = []
  for (let at = start + 'values'.length; ; at++) {
    while (shape[at] === ' ') at++
    const end = shape[at] === OPEN ? statement.endOfParentheses(at) : -1
    if (end < 0) return []
    rows.push([at, end])
    at = end
    while (shape[at] === ' ') at++
    if (shape[at] !== ',') return rows
  }
}
