import { type LiteralKind, type LiteralSpan, lexStatement } from './lex-statement.js'
import type { Piece } from './statement-text.js'

// Each of these matches in one way alone: or a comment or a string would end where what follows matches.

/** A blank or a comment, not one with others in it. */
export const BLANK = String.raw`(?:[ \t\n\v\f\r]|--[^\n\r]*[\n\r]|/\*[^*/]*(?:(?:\*(?!/)|/(?!\*))[^*/]*)*\*/)`
/** How each kind of literal is written; of kinds that are not here rows are not found by their form. */
const WRITTEN: Partial<Record<LiteralKind, string>> = {
  string: "'[^']*(?:''[^']*)*'",
  'escape-string': String.raw`[eE]'[^'\\]*(?:(?:''|\\[^])[^'\\]*)*'`,
  'national-string': "[nN]'[^']*(?:''[^']*)*'",
  'unicode-string': "[uU]&'[^']*(?:''[^']*)*'",
  bits: "[bB]'[^']*'",
  'hex-bits': "[xX]'[^']*'",
}
/** Numbers by what stands for them. */
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ['1', String.raw`\d{1,9}`],
  ['11111111111', String.raw`\d{10,}`],
  ['1.0', String.raw`\d+(?:\.\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)`],
  ['.0', String.raw`\.\d+(?:[eE][+-]?\d+)?`],
])
const ANY_PARAMETER = String.raw`\$\d{1,8}(?!\d)`
const SYNTAX = /[.*+?^${}()|[\]\\/]/g
const PARAMETER = /\$\d+/g

const ZERO = 48
const MOST_KEPT = 1000
const kept = new Map<string, RowForm | null>()

/** What rows of VALUES have in common that differ in their literals and parameters only. */
export class RowForm {
  /** As of a statement, with `$0` for each parameter. */
  readonly shape: string
  /** How many values a row has. */
  readonly width: number
  readonly literals: readonly LiteralSpan[]
  /** Of each literal, and of each parameter: which it is of all of them. */
  readonly literalPlaces: readonly number[]
  readonly parameterPlaces: readonly number[]
  readonly #items: readonly ('literal' | 'parameter')[]
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
    this.#items = items
    this.#between = between
    this.#pattern = patterns.whole
    this.#upTo = patterns.upTo
  }

  /** That of a row; null where it is not plain what it says, or has literals that are not known here. */
  static of(row: string): RowForm | null {
    const { shape, literals, ambiguous } = lexStatement(row, { backslashQuotes: false })
    if (ambiguous !== null) return null
    const form = shape.replace(PARAMETER, '$$0')
    const tags = literals.map(({ kind, start, end }) =>
      kind === 'dollar-string' ? tagOf(row.slice(start, end)) : '',
    )
    const key = `${form}${tags.join('')}`
    let known = kept.get(key)
    if (known === undefined) {
      known = makeForm(form, tags)
      if (kept.size >= MOST_KEPT) kept.clear()
      kept.set(key, known)
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

  /** The greatest number of a parameter in the row of this form that begins there; 0 without any. */
  maxParameterAt(text: string, at: number): number {
    const places = this.parameterPlaces
    if (places.length === 0) return 0
    const pattern = this.#pattern
    pattern.lastIndex = at
    const found = pattern.exec(text)
    let most = 0
    for (let index = 0; index < places.length; index++) {
      const number = Number(found?.[(places[index] as number) + 1]?.slice(1))
      if (number > most) most = number
    }
    return most
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
    return this.shape.replace(PARAMETER, () => `$${number++}`)
  }

  /** The row of this form that begins there, to be put together with others. */
  addPieces(text: string, at: number, into: Piece[]): void {
    const values = this.valuesAt(text, at)
    for (const [index, between] of this.#between.entries()) {
      into.push(between)
      const value = values[index]
      if (value !== undefined) into.push(this.#items[index] === 'parameter' ? Number(value.slice(1)) : value)
    }
  }
}

/** With its dollar signs. */
function tagOf(dollarString: string): string {
  return dollarString.slice(0, dollarString.indexOf('$', 1) + 1)
}

function dollarString(tag: string): string {
  const quotes = tag.replace(SYNTAX, String.raw`\$&`)
  return String.raw`${quotes}[^$]*(?:(?!${quotes})\$[^$]*)*${quotes}`
}

/** `tags`: one for each literal, empty where it is not in dollar quotes. */
function makeForm(shape: string, tags: readonly string[]): RowForm | null {
  // In a shape each literal is what stands for it.
  const { literals } = lexStatement(shape, { backslashQuotes: false })
  if (literals.length !== tags.length) return null
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
  for (const [index, { kind, start, end }] of literals.entries()) {
    addPlain(shape.slice(at, start))
    const tag = tags[index] as string
    const written = tag === '' ? (WRITTEN[kind] ?? NUMBERS.get(shape.slice(start, end))) : dollarString(tag)
    if (written === undefined) return null
    addItem('literal', written)
    at = end
  }
  addPlain(shape.slice(at))
  between.push(plain)
  const plains = between.map(patternOfPlain)
  const patternOf = (count: number, told: (index: number) => boolean): RegExp => {
    const items = patterns.slice(0, count).map((written, index) => {
      return `${plains[index]}(${told(index) ? '' : '?:'}${written})`
    })
    return new RegExp(items.join('') + (count === patterns.length ? plains.at(-1) : ''), 'y')
  }
  return new RowForm(shape, literals, items, between, {
    whole: patternOf(patterns.length, () => true),
    upTo: patterns.map((_, place) => patternOf(place + 1, (index) => index === place)),
  })
}

/** A minus is none where it begins a comment. */
function patternOfPlain(piece: string): string {
  return piece.replace(SYNTAX, String.raw`\$&`).replaceAll('-', '-(?!-)').replaceAll(' ', `${BLANK}+`)
}
