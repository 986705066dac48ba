import { type Lexed, type LexOptions, type LiteralKind, lexStatement } from './lex-statement.js'
import { BLANK, RowForm } from './row-form.js'
import type { StatementFacts } from './statement-facts.js'
import { assemble, PARAMETER, type Piece, type StatementPart } from './statement-text.js'

/** A shorter text is lexed as it is. */
const SHORTEST_TEXT = 1024
/** Rows differ by what is NULL, negative, a fraction or too large for an integer in them. */
const MOST_FORMS = 128
/** So many are tried before a row is read for its form. */
const FEW_FORMS = 8
/** Where forms have fewer rows than so many, parsing all of them is no more work. */
const FEWEST_ROWS_A_FORM = 2

const HEAD = new RegExp(
  String.raw`^(${BLANK}*insert${BLANK}+into${BLANK}+[\w."]+)(${BLANK}*\([\w\s,"]*\))?${BLANK}*\bvalues${BLANK}*(?=\()`,
  'i',
)

const NUMBER = String.raw`(?:-(?!-)${BLANK}*)?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?`
const STRING = String.raw`(?:n|u&)?'[^']*(?:''[^']*)*'|e'[^'\\]*(?:(?:''|\\[^])[^'\\]*)*'|[bx]'[^']*'`
const TAG = String.raw`(?:[a-z_\x80-\uffff][\w\x80-\uffff]*)?`
const ANY_ROW = new RegExp(
  String.raw`\(${BLANK}*${itemWithTag(1)}(?:${BLANK}*,${BLANK}*${itemWithTag(2)})*${BLANK}*\)`,
  'iy',
)
const BLANKS = new RegExp(`${BLANK}*`, 'y')
/** What does not reach the server as it is written: a NUL, and half of a surrogate pair. */
const NOT_SENT = /[\0\ud800-\udfff]/u

const COMMA = 44
const MINUS = 45
const SLASH = 47

/** A value as it is written in a text. */
export interface WrittenValue {
  readonly kind: LiteralKind
  readonly written: string
}

/** A row of the folded statement. */
interface FoldedRow {
  readonly form: RowForm
  /** The index of its first literal, and the number of its first parameter. */
  readonly literal: number
  readonly parameter: number
}

/** What of a text is no row. */
interface Around {
  /** Where the rows begin. */
  readonly from: number
  /** Where columns can be named; null: they are. */
  readonly columnsAt: number | null
  /** The shapes of what is ahead of the rows and behind them. */
  readonly head: string
  readonly tail: string
}

/**
 * The rows of an `INSERT … VALUES` whose values are literals and parameters alone: found one by one by the few forms
 * that they have, so that thousands of them cost neither a token nor a node of a tree each. What is said of the folded
 * statement, which has one row of each form, is so of all rows of that form.
 */
export class ValueRows {
  /** The folded statement. Its rows' parameters count on from those behind them. */
  readonly lexed: Lexed
  readonly maxParameter: number
  readonly #text: string
  /** Where each row begins and ends. */
  readonly #ends: readonly number[]
  /** Which of the folded rows stands for each. */
  readonly #foldedAt: Uint8Array
  readonly #folded: readonly FoldedRow[]
  readonly #around: Around

  /** `formAt`: which of the forms each row has. */
  constructor(
    text: string,
    ends: readonly number[],
    forms: readonly RowForm[],
    formAt: readonly number[],
    around: Around,
  ) {
    this.#text = text
    this.#ends = ends
    this.#around = around
    // In an order of their own, so that texts with the same forms fold to the same.
    const known = [...forms].sort((one, other) => (one.shape < other.shape ? -1 : 1))
    const places = forms.map((form) => known.indexOf(form))
    this.#foldedAt = new Uint8Array(formAt.length)
    for (let row = 0; row < formAt.length; row++)
      this.#foldedAt[row] = places[formAt[row] as number] as number
    let most = 0
    for (const [, number] of around.tail.matchAll(PARAMETER)) most = Math.max(most, Number(number ?? 0))
    let literal = 0
    let parameter = most + 1
    this.#folded = known.map((form) => {
      const folded = { form, literal, parameter }
      literal += form.literals.length
      parameter += form.parameters
      return folded
    })
    const rows = this.#folded.map((each) => each.form.withParameters(each.parameter))
    this.lexed = {
      shape: `${around.head}${rows.join(', ')}${around.tail}`,
      literals: known.flatMap(({ literals }) => literals),
      ambiguous: null,
    }
    if (parameter > most + 1)
      for (const [row, at] of formAt.entries())
        most = Math.max(most, (forms[at] as RowForm).maxParameterAt(text, ends[2 * row] as number))
    this.maxParameter = most
  }

  get count(): number {
    return this.#foldedAt.length
  }

  /** These are the facts of the folded statement, and nothing else is in it. */
  isSaidBy({ understood, statements, inserts }: StatementFacts): boolean {
    if (!understood) return true
    const [insert, another] = inserts
    if (statements !== 1 || another !== undefined || insert?.rows?.length !== this.#folded.length)
      return false
    return insert.rows.every((row, at) => row.length === this.#folded[at]?.form.width)
  }

  /** To read what is written in the rows, one at a time. */
  cursor(): RowCursor {
    return new RowCursor(this.#text, this.#ends, this.#foldedAt, this.#folded)
  }

  /** The statement with these columns named, where it names none. */
  named(columns: readonly string[]): string {
    return this.#headWith(columns) + this.#text.slice(this.#around.from)
  }

  #headWith(columns: readonly string[] | null): string {
    const { from, columnsAt } = this.#around
    const text = this.#text
    if (columnsAt === null || columns === null) return text.slice(0, from)
    const names = columns.map((column) => `"${column.replaceAll('"', '""')}"`)
    return `${text.slice(0, columnsAt)} (${names.join(', ')})${text.slice(columnsAt, from)}`
  }

  /** The statement with those of its rows, in that order. `columns`: names them where it names none. */
  with(rows: readonly number[], columns: readonly string[] | null): StatementPart {
    const text = this.#text
    const head = this.#headWith(columns)
    if (this.maxParameter === 0) {
      const tail = text.slice(this.#ends.at(-1))
      const slices = rows.map((row) => text.slice(this.#ends[2 * row], this.#ends[2 * row + 1]))
      return { text: `${head}${slices.join(',')}${tail}`, parameters: [] }
    }
    const pieces: Piece[] = [head]
    for (const [at, row] of rows.entries()) {
      if (at > 0) pieces.push(',')
      const { form } = this.#folded[this.#foldedAt[row] as number] as FoldedRow
      form.addPieces(text, this.#ends[2 * row] as number, pieces)
    }
    // Of the shape, since what stands in comments is no parameter.
    const { tail: shape } = this.#around
    let from = 0
    for (const found of shape.matchAll(PARAMETER)) {
      if (found[1] === undefined) continue
      pieces.push(shape.slice(from, found.index), Number(found[1]))
      from = found.index + found[0].length
    }
    pieces.push(shape.slice(from))
    return assemble(pieces)
  }
}

/** Reads rows of a text by the literals and parameters of its folded statement. */
export class RowCursor {
  readonly #text: string
  readonly #ends: readonly number[]
  readonly #foldedAt: Uint8Array
  readonly #folded: readonly FoldedRow[]
  #row: FoldedRow
  #from = 0

  constructor(text: string, ends: readonly number[], foldedAt: Uint8Array, folded: readonly FoldedRow[]) {
    this.#text = text
    this.#ends = ends
    this.#foldedAt = foldedAt
    this.#folded = folded
    this.#row = folded[0] as FoldedRow
  }

  get count(): number {
    return this.#foldedAt.length
  }

  /** Returns which row of the folded statement stands for this one. */
  goTo(row: number): number {
    const at = this.#foldedAt[row] as number
    this.#row = this.#folded[at] as FoldedRow
    this.#from = this.#ends[2 * row] as number
    return at
  }

  literal(index: number): WrittenValue | null {
    const { form, literal } = this.#row
    const place = form.literalPlaces[index - literal]
    const kind = form.literals[index - literal]?.kind
    if (place === undefined || kind === undefined) return null
    return { kind, written: form.valueAt(this.#text, this.#from, place) }
  }

  /** Without the sign; null: it is no literal that is an `integer`. */
  integer(index: number): number | null {
    const { form, literal } = this.#row
    const place = form.literalPlaces[index - literal]
    if (place === undefined || form.literals[index - literal]?.kind !== 'integer') return null
    return form.integerAt(this.#text, this.#from, place)
  }

  /** The number of the parameter that stands there. */
  parameter(index: number): number {
    const { form, parameter } = this.#row
    const place = form.parameterPlaces[index - parameter] as number
    return Number(form.valueAt(this.#text, this.#from, place).slice(1))
  }
}

/** Null: it is no such statement, or has too many forms for that to be worth it. */
export function readValueRows(text: string, options: Pick<LexOptions, 'backslashQuotes'>): ValueRows | null {
  if (text.length < SHORTEST_TEXT) return null
  try {
    return findRows(text, options)
  } catch (error) {
    // A regular expression runs out of stack where a value has millions of quotes.
    if (error instanceof RangeError) return null
    throw error
  }
}

function findRows(text: string, { backslashQuotes }: Pick<LexOptions, 'backslashQuotes'>): ValueRows | null {
  const found = HEAD.exec(text)
  if (found === null || NOT_SENT.test(text) || (backslashQuotes && text.includes('\\'))) return null
  const ends: number[] = []
  const forms: RowForm[] = []
  const formAt: number[] = []
  let form = -1
  let at = found[0].length
  for (;;) {
    let end = forms[form]?.endAt(text, at) ?? -1
    for (let other = 0; end < 0 && other < forms.length && forms.length <= FEW_FORMS; other++) {
      form = other
      end = (forms[other] as RowForm).endAt(text, at)
    }
    if (end < 0) {
      ANY_ROW.lastIndex = at
      if (!ANY_ROW.test(text)) return null
      end = ANY_ROW.lastIndex
      const read = RowForm.of(text.slice(at, end))
      if (read === null || read.endAt(text, at) !== end) return null
      form = forms.indexOf(read)
      if (form < 0) form = forms.push(read) - 1
      if (forms.length > MOST_FORMS) return null
    }
    ends.push(at, end)
    formAt.push(form)
    at = pastBlanks(text, end)
    if (text.charCodeAt(at) !== COMMA) break
    at = pastBlanks(text, at + 1)
  }
  if (formAt.length < FEWEST_ROWS_A_FORM * forms.length) return null
  const columnsAt = found[2] === undefined ? (found[1] as string).length : null
  const around = readAround(text, found[0].length, columnsAt, ends.at(-1) as number)
  return around === null ? null : new ValueRows(text, ends, forms, formAt, around)
}

/** Null where there are literals, which would count on from those of the rows. */
function readAround(text: string, from: number, columnsAt: number | null, to: number): Around | null {
  const head = lexStatement(`${text.slice(0, from)}(`, { backslashQuotes: false })
  const tail = lexStatement(`)${text.slice(to)}`, { backslashQuotes: false })
  for (const { ambiguous, literals } of [head, tail])
    if (ambiguous !== null || literals.length > 0) return null
  return { from, columnsAt, head: head.shape.slice(0, -1), tail: tail.shape.slice(1) }
}

/** `group`: which of the expression's groups is that of the tag. */
function itemWithTag(group: number): string {
  const same = `\\${group}`
  const dollarString = String.raw`\$(${TAG})\$[^$]*(?:\$(?!${same}\$)[^$]*)*\$${same}\$`
  const value = String.raw`${NUMBER}|${STRING}|${dollarString}|\$\d+|null|true|false|default`
  return String.raw`(?:${value})(?:${BLANK}*::${BLANK}*\w+)?`
}

function pastBlanks(text: string, from: number): number {
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at)
    if (code === MINUS || code === SLASH) {
      BLANKS.lastIndex = at
      BLANKS.test(text)
      return BLANKS.lastIndex
    }
    if (code !== 32 && !(code >= 9 && code <= 13)) return at
  }
}
