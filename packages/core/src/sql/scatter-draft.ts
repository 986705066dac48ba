import type { Fields } from './parser.js'
import { ShapeLiterals } from './shape-literals.js'
import { assemble, type Piece, type StatementPart, type StatementText } from './statement-text.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'

/** How a value of a group comes of the columns that the shards have answered; `at`: of which. */
export type Gathered =
  | {
      readonly how: 'key' | 'count' | 'sum' | 'min' | 'max' | 'bool_and' | 'bool_or'
      readonly at: number
    }
  | { readonly how: 'avg'; readonly sumAt: number; readonly countAt: number }
  | Variance
  /** An aggregate of values that are in the answers once for each group and shard. */
  | { readonly how: 'distinct'; readonly call: string; readonly at: number }

/** A variance or, with `isRoot`, a standard deviation; without `isSample` of a population. */
export interface Variance {
  readonly how: 'variance'
  readonly isSample: boolean
  readonly isRoot: boolean
  /** What the shards say of their own rows alone: it has the type of the whole. */
  readonly at: number
  readonly countAt: number
  readonly sumAt: number
  /** The sum of the squares. */
  readonly squaresAt: number
}

/** A read is not taken apart; the message says why. */
export class CannotScatter extends Error {}

const AGGREGATES: ReadonlyMap<string, Exclude<Gathered['how'], 'key' | 'distinct' | 'variance'>> = new Map([
  ['count', 'count'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['bool_and', 'bool_and'],
  ['every', 'bool_and'],
  ['bool_or', 'bool_or'],
  ['avg', 'avg'],
])
const VARIANCES: ReadonlyMap<string, Pick<Variance, 'isSample' | 'isRoot'>> = new Map([
  ['variance', { isSample: true, isRoot: false }],
  ['var_samp', { isSample: true, isRoot: false }],
  ['var_pop', { isSample: false, isRoot: false }],
  ['stddev', { isSample: true, isRoot: true }],
  ['stddev_samp', { isSample: true, isRoot: true }],
  ['stddev_pop', { isSample: false, isRoot: true }],
])
/** Their values come to the same from each value once. */
const OF_DISTINCT: ReadonlySet<string> = new Set(['count', 'sum', 'min', 'max', 'avg', ...VARIANCES.keys()])
/** What HAVING may be made of, beside values of the group. */
const EXPRESSIONS: ReadonlySet<string> = new Set([
  'BoolExpr',
  'A_Expr',
  'NullTest',
  'BooleanTest',
  'A_Const',
  'ParamRef',
  'List',
])
const IDENTIFIER = /(?:"(?:[^"]|"")*"|[\w$]+)(?: ?\. ?(?:"(?:[^"]|"")*"|[\w$]+))*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: all that ASCII has.
const IS_ASCII = /^[\x00-\x7f]*$/

const BEHIND_ORDER = ['limit', 'offset', 'fetch']
/** How an item of ORDER BY is sorted. */
const SORTED_HOW = /(?:\s+(?:asc|desc))?(?:\s+nulls\s+(?:first|last))?\s*$/i

interface Edit {
  readonly from: number
  readonly to: number
  readonly pieces: readonly Piece[]
}

/** The statement that each shard is asked in place of another one, while it is being made. */
export class ScatterDraft {
  readonly statement: StatementText
  readonly targets: readonly Fields[]
  /** Some columns are selected without being named. */
  readonly hasStar: boolean
  /** It asks for groups of rows, or for one of all. */
  readonly isGrouped: boolean
  readonly #select: Fields
  readonly #literals: ShapeLiterals
  readonly #edits: Edit[] = []
  readonly #hidden: Piece[][] = []
  readonly #keys = new Map<string, number>()
  readonly #gathered = new Map<string, Gathered>()
  /** Columns that the shards group by, too. */
  readonly #counted = new Map<string, string>()

  /** `isOfRow`: a function of that name is of one row, no aggregate and no window function. */
  constructor(statement: StatementText, select: Fields, isOfRow: (name: string) => boolean) {
    this.statement = statement
    this.#select = select
    this.#literals = new ShapeLiterals(statement.shape)
    this.targets = listOf(select.targetList).map((target) => asNode(target, 'ResTarget') as Fields)
    this.hasStar = JSON.stringify(select.targetList).includes('"A_Star"')
    const isGrouped = ['groupClause', 'havingClause', 'distinctClause'].some(
      (clause) => select[clause] !== undefined,
    )
    const { targetList, sortClause } = select
    this.isGrouped = isGrouped || callsOfRows(targetList, isOfRow) || callsOfRows(sortClause, isOfRow)
    if (holds(targetList, 'SubLink')) throw new CannotScatter('it selects a subquery')
    if (holds(sortClause, 'SubLink')) throw new CannotScatter('it sorts by a subquery')
  }

  /** Where the statement ends. */
  get end(): number {
    return this.#trim(this.statement.shape.length)
  }

  #trim(end: number): number {
    return this.statement.shape.slice(0, end).replace(/[\s;]+$/, '').length
  }

  /** How many columns are asked for that are not shown. */
  get hidden(): number {
    return this.#hidden.length
  }

  /** What a node says, whatever its place: two that say the same are the same expression. */
  say(node: unknown): string {
    const constant = asNode(node, 'A_Const')
    if (constant !== null) return this.#sayConstant(constant)
    return JSON.stringify(node, (key, value) => {
      if (key === 'location') return undefined
      return key === 'A_Const' && isFields(value) ? this.#sayConstant(value) : value
    })
  }

  #sayConstant(constant: Fields): string {
    if (constant.isnull === true) return 'null'
    if (constant.boolval !== undefined) return JSON.stringify(constant.boolval)
    const found = this.#literals.find(constant.location)
    const literal = found === null ? null : this.statement.literal(found.index)
    if (literal === null) throw new CannotScatter('it has a constant that cannot be read')
    return `${found?.negative === true ? '-' : ''}${literal}`
  }

  /** Asks for what an item of ORDER BY sorts by and what is not selected; returns its name in the answers. */
  hideSort(index: number): string {
    const { from, to } = this.#spanOfSort(index)
    this.#hide(this.statement.pieces(from, to))
    return hiddenName(this.#hidden.length)
  }

  /** An item of ORDER BY without how it is sorted. */
  #spanOfSort(index: number): { from: number; to: number } {
    const { statement } = this
    const begin = statement.findWord(['order'])
    const by = statement.findWord(['by'], begin)
    const end = statement.findWord(BEHIND_ORDER, by)
    if (begin < 0 || by < 0) throw new CannotScatter('its ORDER BY is not found')
    let from = by + 'by'.length
    for (let at = 0; at < index; at++) from = statement.findComma(from) + 1
    const comma = statement.findComma(from)
    const last = end < 0 ? this.end : end
    const stop = comma < 0 || comma > last ? last : comma
    const item = statement.shape.slice(from, stop)
    return {
      from: from + item.length - item.trimStart().length,
      to: from + item.replace(SORTED_HOW, '').length,
    }
  }

  /** Its place in the answers. */
  #hide(pieces: Piece[]): number {
    this.#hidden.push([...pieces, ` as ${hiddenName(this.#hidden.length + 1)}`])
    return this.targets.length + this.#hidden.length - 1
  }

  /** Where in the answers is what groups are made by. */
  keys(): number[] {
    const { groupClause, distinctClause } = this.#select
    if (this.hasStar) throw new CannotScatter('it groups what * stands for')
    if (distinctClause !== undefined) {
      const isPlain = JSON.stringify(distinctClause) === '[{}]'
      if (!isPlain) throw new CannotScatter('it has DISTINCT ON')
      if (groupClause !== undefined || this.targets.some(({ val }) => holds(val, 'FuncCall')))
        throw new CannotScatter('it has DISTINCT of what is computed')
      for (const [at, { val }] of this.targets.entries()) this.#keys.set(this.say(val), at)
    }
    for (const item of listOf(groupClause)) this.#addKey(this.#keyOf(item))
    return [...this.#keys.values()]
  }

  #keyOf(item: unknown): unknown {
    if (asNode(item, 'A_Const') === null) return item
    const target = this.targets[Number(this.say(item)) - 1]
    if (target === undefined) throw new CannotScatter('it groups by a constant')
    return target.val
  }

  #addKey(node: unknown): void {
    const said = this.say(node)
    if (this.#keys.has(said)) return
    const at = this.targets.findIndex(({ val }) => this.say(val) === said)
    if (at < 0 && openNode(node)?.type !== 'ColumnRef')
      throw new CannotScatter('it groups by an expression that it does not select')
    if (at < 0) {
      const { from, to } = this.#spanOfColumn(node)
      this.#keys.set(said, this.#hide(this.statement.pieces(from, to)))
    } else this.#keys.set(said, at)
  }

  /** How a value of a group is gathered; `target`: which column it is, null if it is none. */
  gather(node: unknown, target: number | null): Gathered {
    const said = this.say(node)
    const key = this.#keys.get(said)
    if (key !== undefined) return { how: 'key', at: key }
    const known = this.#gathered.get(said)
    if (known !== undefined && target === null) return known
    const gathered = this.#gatherCall(node, target)
    this.#gathered.set(said, gathered)
    return gathered
  }

  #gatherCall(node: unknown, target: number | null): Gathered {
    const call = asNode(node, 'FuncCall')
    if (call === null) throw new CannotScatter('it has something of groups that is neither key nor aggregate')
    const { schema, name } = nameOf(call.funcname)
    const isBuiltIn = schema === null || schema === 'pg_catalog'
    const how = isBuiltIn ? AGGREGATES.get(name) : undefined
    const variance = isBuiltIn ? VARIANCES.get(name) : undefined
    if (how === undefined && variance === undefined)
      throw new CannotScatter(`${name}() cannot be computed from parts, or is not known to be`)
    const isOdd = ['over', 'agg_order', 'agg_within_group', 'func_variadic'].some(
      (field) => call[field] !== undefined && call[field] !== false,
    )
    const args = listOf(call.args)
    const fits = call.agg_star === true ? name === 'count' : args.length === 1
    if (isOdd || !fits || holds(args, 'SubLink') || holds(call.agg_filter, 'SubLink'))
      throw new CannotScatter(`${name}() is called in a way that cannot be computed from parts`)
    if (call.agg_distinct === true) return this.#gatherDistinct(call, name, target)
    const { from, open, to } = this.#spanOfCall(call)
    if (how === undefined) return this.#gatherVariance(call, variance as NonNullable<typeof variance>, target)
    if (how === 'avg') {
      const values = this.statement.pieces(open, to)
      if (target !== null) this.#edits.push({ from, to: open, pieces: ['sum'] })
      const sumAt = target ?? this.#hide(['sum', ...values])
      return { how, sumAt, countAt: this.#hide(['count', ...values]) }
    }
    return { how, at: target ?? this.#hide(this.statement.pieces(from, to)) }
  }

  /** The call itself is asked for as well: it tells the type, and what is wrong with it. */
  #gatherVariance(
    call: Fields,
    which: Pick<Variance, 'isSample' | 'isRoot'>,
    target: number | null,
  ): Variance {
    const { statement } = this
    const { from, open, to } = this.#spanOfCall(call)
    const close = statement.endOfParentheses(open)
    const argument = ['(', ...statement.pieces(open + 1, close - 1), ')::numeric']
    if (!isOneExpression(call, statement.shape.slice(open + 1, close)))
      throw new CannotScatter('a call has more than a value in its parentheses')
    const filter = statement.pieces(close, to)
    return {
      how: 'variance',
      ...which,
      at: target ?? this.#hide(statement.pieces(from, to)),
      countAt: this.#hide(['count', ...statement.pieces(open, to)]),
      sumAt: this.#hide(['sum(', ...argument, ')', ...filter]),
      squaresAt: this.#hide(['sum(', ...argument, ' * ', ...argument, ')', ...filter]),
    }
  }

  /** The shards answer each value once, of each group. */
  #gatherDistinct(call: Fields, name: string, target: number | null): Gathered {
    const [argument] = listOf(call.args)
    if (!OF_DISTINCT.has(name) || call.agg_filter !== undefined || asNode(argument, 'ColumnRef') === null)
      throw new CannotScatter(`${name}(DISTINCT …) is of something else than a plain column`)
    const span = this.#spanOfColumn(argument)
    const column = this.statement.pieces(span.from, span.to)
    this.#counted.set(this.say(argument), this.statement.textOf(span.from, span.to))
    if (target !== null) {
      const { from, to } = this.#spanOfCall(call)
      this.#edits.push({ from, to, pieces: column })
    }
    return { how: 'distinct', call: name, at: target ?? this.#hide(column) }
  }

  /** An expression over values of a group, behind the word that begins its clause. */
  translate(node: unknown, word: string): (Piece | Gathered)[] {
    const values: { from: number; to: number; value: Gathered }[] = []
    this.#findValues(node, values)
    const begin = this.statement.findWord([word])
    const end = this.statement.findWord(['order', 'limit', 'offset', 'fetch'], begin)
    if (begin < 0) throw new CannotScatter(`its ${word} is not found`)
    const pieces: (Piece | Gathered)[] = []
    let at = begin + word.length
    for (const { from, to, value } of values.sort((one, other) => one.from - other.from)) {
      pieces.push(...this.statement.pieces(at, from), value)
      at = to
    }
    return [...pieces, ...this.statement.pieces(at, end < 0 ? this.end : end)]
  }

  #findValues(node: unknown, into: { from: number; to: number; value: Gathered }[]): void {
    if (Array.isArray(node)) for (const each of node) this.#findValues(each, into)
    const opened = isFields(node) ? openNode(node) : null
    if (opened === null) return
    const { type, fields } = opened
    if (type === 'ColumnRef') into.push({ ...this.#spanOfColumn(node), value: this.gather(node, null) })
    else if (type === 'FuncCall') into.push({ ...this.#spanOfCall(fields), value: this.gather(node, null) })
    else if (!EXPRESSIONS.has(type)) throw new CannotScatter(`its HAVING has something else than comparisons`)
    else for (const field of ['args', 'arg', 'lexpr', 'rexpr', 'items']) this.#findValues(fields[field], into)
  }

  #spanOfColumn(node: unknown): { from: number; to: number } {
    const column = asNode(node, 'ColumnRef')
    const isNamed = listOf(column?.fields).every((part) => textOf(asNode(part, 'String')?.sval) !== null)
    if (column === null || !isNamed)
      throw new CannotScatter('it sorts or groups by something that it does not select')
    const from = this.#placeOf(column)
    IDENTIFIER.lastIndex = from
    const found = IDENTIFIER.exec(this.statement.shape)
    if (found === null) throw new CannotScatter('a column is not found in the text')
    return { from, to: from + found[0].length }
  }

  #spanOfCall(call: Fields): { from: number; open: number; to: number } {
    const { shape } = this.statement
    const from = this.#placeOf(call)
    const open = shape.indexOf('(', from)
    let to = this.statement.endOfParentheses(open)
    if (call.agg_filter !== undefined) to = this.statement.endOfParentheses(shape.indexOf('(', to))
    if (open < 0 || to < 0) throw new CannotScatter('a call is not found in the text')
    return { from, open, to }
  }

  /** Locations count bytes, which are characters where all is ASCII. */
  #placeOf({ location }: Fields): number {
    if (!IS_ASCII.test(this.statement.shape))
      throw new CannotScatter('its names are not all of ASCII letters')
    // The parser leaves a location out that is 0.
    return typeof location === 'number' ? location : 0
  }

  /** What each is asked: all up to `end`, and then `tail`. */
  assemble(cut: number, tail: readonly Piece[]): StatementPart {
    const end = this.#trim(cut)
    const edits = [...this.#edits]
    if (this.#hidden.length > 0) {
      const from = this.statement.findWord(['from'])
      if (from < 0 || holds(this.#select.targetList, 'A_Expr', 'DISTINCT'))
        throw new CannotScatter('its FROM is not found')
      edits.push({
        from: this.#trim(from),
        to: from,
        pieces: [...this.#hidden.flatMap((each) => [', ', ...each]), ' '],
      })
    }
    const pieces: Piece[] = []
    let at = 0
    for (const edit of edits.sort((one, other) => one.from - other.from)) {
      pieces.push(...this.statement.pieces(at, edit.from), ...edit.pieces)
      at = edit.to
    }
    pieces.push(...this.statement.pieces(at, end))
    if (this.#counted.size > 0) {
      const columns = [...this.#counted.values()].join(', ')
      pieces.push(this.#select.groupClause === undefined ? ` group by ${columns}` : `, ${columns}`)
    }
    return assemble([...pieces, ...tail])
  }
}

/** It can be set in parentheses: it has no name, and no ALL ahead of it. */
function isOneExpression(call: Fields, text: string): boolean {
  return asNode(listOf(call.args)[0], 'NamedArgExpr') === null && !/^\s*all\b/i.test(text)
}

function hiddenName(number: number): string {
  return `pgherd_${number}`
}

/** It calls an aggregate or a window function, or what may be one. */
function callsOfRows(node: unknown, isOfRow: (name: string) => boolean): boolean {
  if (Array.isArray(node)) return node.some((each) => callsOfRows(each, isOfRow))
  if (!isFields(node)) return false
  const call = asNode(node, 'FuncCall')
  if (call !== null && (call.over !== undefined || !isOfRow(nameOf(call.funcname).name))) return true
  return Object.values(node).some((inner) => callsOfRows(inner, isOfRow))
}

/** There is such a node somewhere inside; `kind`: of an operator of that kind. */
function holds(node: unknown, type: string, kind = ''): boolean {
  if (Array.isArray(node)) return node.some((each) => holds(each, type, kind))
  if (!isFields(node)) return false
  return Object.entries(node).some(
    ([key, inner]) =>
      (key === type && (kind === '' || JSON.stringify(inner).includes(kind))) || holds(inner, type, kind),
  )
}
