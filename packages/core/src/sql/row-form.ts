import { type LiteralKind, type LiteralSpan, lexStatement } from './lex-statement.js'
import type { Piece } from './statement-text.js'

/** How each kind of literal is written; of kinds that are not here rows are not found by their form. */
const WRITTEN: Partial<Record<LiteralKind, string>> = {
  string: "'[^']*(?:''[^']*)*'",
  'escape-string': String.raw`[eE]'[^'\\]*(?:(?:''|\\[^])[^'\\]*)*'`,
  'national-string': "[nN]'[^']*(?:''[^']*)*'",
}
/** Numbers by what stands for them. */
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ['1', String.raw`\d{1,9}`],
  ['11111111111', String.raw`\d{10,}`],
  ['1.0', String.raw`\d+(?:\.\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)`],
  ['.0', String.raw`\.\d+(?:[eE][+-]?\d+)?`],
])
const ANY_PARAMETER = String.raw`\$\d{1,8}(?!\d)`
const BLANKS = String.raw`[ \t\n\v\f\r]+`
const SYNTAX = /[.*+?^${}()|[\]\\/]/g
const PARAMETER = /\$\d+/g

const ZERO = 48
const MOST_KEPT = 1000
const kept = new Map<string, RowForm | null>()

/** What rows of VALUES have in common that differ in their literals and parameters only. */
export class RowForm {
  /** As of a statement, with one dollar sign for each parameter. */
  readonly shape: string
  /** How many values a row has. */
  readonly width: number
  readonly literals: readonly LiteralSpan[]
  /** Of each literal, and of each parameter: which it is of all of them. */
  readonly literalPlaces: readonly number[]
  readonly parameterPlaces: readonly number[]
  /** What stands ahead of each literal and parameter, and behind the last. */
  readonly #between: readonly string[]
  readonly #pattern: RegExp
  /** The same up to each literal and parameter, which alone is told. */
  readonly #upTo: readonly RegExp[]

  constructor(
    shape: string,
    literals: readonly LiteralSpan[],
    items: readonly ('literal' | 'parameter')[],
    between: readonly string[],
    patterns: { readonly whole: RegExp; readonly upTo: readonly RegExp[] },
  ) {
    this.shape = shape
    this.width = shape.split(',').length
    this.literals = literals
    const places = (kind: string): number[] => items.flatMap((item, at) => (item === kind ? [at] : []))
    this.literalPlaces = places('literal')
    this.parameterPlaces = places('parameter')
    this.#between = between
    this.#pattern = patterns.whole
    this.#upTo = patterns.upTo
  }

  /** That of a row; null where it is not plain what it says, or has literals that are not known here. */
  static of(row: string): RowForm | null {
    const { shape, literals, ambiguous } = lexStatement(row, { backslashQuotes: false })
    if (ambiguous !== null) return null
    const form = shape.replace(PARAMETER, '$')
    let known = kept.get(form)
    if (known === undefined) {
      known = makeForm(form, shape, literals)
      if (kept.size >= MOST_KEPT) kept.clear()
      kept.set(form, known)
    }
    return known
  }

  get parameters(): number {
    return this.parameterPlaces.length
  }

  /** Where a row of this form ends that begins there; -1: there is none. */
  endAt(text: string, at: number): number {
    const pattern = this.#pattern
    pattern.lastIndex = at
    return pattern.test(text) ? pattern.lastIndex : -1
  }

  /** The literals and parameters of the row of this form that begins there, as they are written. */
  valuesAt(text: string, at: number): readonly string[] {
    const pattern = this.#pattern
    pattern.lastIndex = at
    const values: string[] = pattern.exec(text) ?? []
    values.shift()
    return values
  }

  /** One of them. */
  valueAt(text: string, at: number, place: number): string {
    const pattern = this.#upTo[place] as RegExp
    pattern.lastIndex = at
    return pattern.exec(text)?.[1] as string
  }

  /** One that is an `integer`. */
  integerAt(text: string, at: number, place: number): number {
    if (place > 0 || this.#between[0] !== '(') return Number(this.valueAt(text, at, place))
    let number = 0
    for (let from = at + 1; ; from++) {
      const digit = text.charCodeAt(from) - ZERO
      if (digit < 0 || digit > 9) return number
      number = number * 10 + digit
    }
  }

  /** A row of it whose parameters are these and those behind. */
  withParameters(first: number): string {
    let number = first
    return this.shape.replace(/\$/g, () => `$${number++}`)
  }

  /** The row of this form that begins there, to be put together with others. */
  addPieces(text: string, at: number, into: Piece[]): void {
    const values = this.valuesAt(text, at)
    for (const [index, between] of this.#between.entries()) {
      into.push(between)
      const value = values[index]
      if (value !== undefined) into.push(value.startsWith('$') ? Number(value.slice(1)) : value)
    }
  }
}

function makeForm(form: string, shape: string, literals: readonly LiteralSpan[]): RowForm | null {
  // In a shape each literal is what stands for it.
  const placeholders = lexStatement(shape, { backslashQuotes: false }).literals
  if (placeholders.length !== literals.length) return null
  const items: ('literal' | 'parameter')[] = []
  const between: string[] = []
  const patterns: string[] = []
  let plain = ''
  const addItem = (kind: 'literal' | 'parameter', written: string): void => {
    items.push(kind)
    between.push(plain)
    patterns.push(written)
    plain = ''
  }
  const addPlain = (piece: string): void => {
    for (const [index, stretch] of piece.split(PARAMETER).entries()) {
      if (index > 0) addItem('parameter', ANY_PARAMETER)
      plain += stretch
    }
  }
  let at = 0
  for (const { kind, start, end } of placeholders) {
    addPlain(shape.slice(at, start))
    const written = WRITTEN[kind] ?? NUMBERS.get(shape.slice(start, end))
    if (written === undefined) return null
    addItem('literal', written)
    at = end
  }
  addPlain(shape.slice(at))
  between.push(plain)
  const plains = between.map((piece) => piece.replace(SYNTAX, String.raw`\$&`).replaceAll(' ', BLANKS))
  const patternOf = (count: number, told: (index: number) => boolean): RegExp => {
    const items = patterns.slice(0, count).map((written, index) => {
      return `${plains[index]}(${told(index) ? '' : '?:'}${written})`
    })
    return new RegExp(items.join('') + (count === patterns.length ? plains.at(-1) : ''), 'y')
  }
  return new RowForm(form, literals, items, between, {
    whole: patternOf(patterns.length, () => true),
    upTo: patterns.map((_, place) => patternOf(place + 1, (index) => index === place)),
  })
}
