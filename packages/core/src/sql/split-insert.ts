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
