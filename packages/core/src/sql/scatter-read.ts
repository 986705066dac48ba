import { type Fields, parseSql } from './parser.js'
import { assemble, type StatementPart, StatementText } from './statement-text.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'

/** How values of a column that several servers answer become one. */
export type Gathering = 'key' | 'count' | 'sum' | 'min' | 'max' | 'bool_and' | 'bool_or'

/** A read that each shard can be asked by itself, and what to do with the answers. */
export interface ScatterRead {
  /** What each is asked. */
  readonly partial: StatementPart
  /** Null: the rows of all are the answer, in any order. */
  readonly merge: Merge | null
}

export interface Merge {
  /** In the order of the answers' columns. */
  readonly columns: readonly Gathering[]
  readonly order: readonly { readonly column: number; readonly how: string }[]
  readonly limit: RowCount | null
  readonly offset: RowCount | null
}

/** So many rows, or as a parameter says. */
export type RowCount = { readonly rows: string } | { readonly parameter: number }

const AGGREGATES: ReadonlySet<string> = new Set(['count', 'sum', 'min', 'max', 'bool_and', 'bool_or'])
/** With one of these the rows of several are not put together here. */
const OTHER_CLAUSES = [
  'distinctClause',
  'havingClause',
  'windowClause',
  'withClause',
  'lockingClause',
  'valuesLists',
  'intoClause',
  'groupDistinct',
]
const BEHIND_ROWS = ['order', 'limit', 'offset', 'fetch']

/**
 * Takes a read apart whose rows come each of one shard: with aggregates that can be aggregated again, or with
 * none, and then without an order. Null: that is for somebody else.
 */
export function readScatter(text: string): ScatterRead | null {
  const statement = new StatementText(text)
  const parsed = statement.isPlain ? parseSql(statement.shape) : null
  if (parsed?.kind !== 'tree' || parsed.statements.length !== 1) return null
  const select = asNode(parsed.statements[0]?.stmt, 'SelectStmt')
  if (select === null || select.op !== 'SETOP_NONE') return null
  if (OTHER_CLAUSES.some((clause) => select[clause] !== undefined)) return null
  // What is merged is compared as its type is, not as the statement says.
  if (JSON.stringify(select).includes('"CollateClause"')) return null
  const targets = listOf(select.targetList).map((target) => asNode(target, 'ResTarget'))
  const groups = listOf(select.groupClause)
  const isOrdered = ['sortClause', 'limitCount', 'limitOffset'].some((clause) => select[clause] !== undefined)
  if (groups.length === 0 && !targets.some((target) => holdsCall(target?.val))) {
    if (isOrdered) return null
    return { partial: assemble(statement.pieces(0, statement.shape.length)), merge: null }
  }
  const merge = readMerge(statement, select, targets, groups)
  if (merge === null) return null
  const end = isOrdered ? statement.findWord(BEHIND_ROWS) : statement.shape.length
  return end < 0 ? null : { partial: assemble(statement.pieces(0, end)), merge }
}

function readMerge(
  statement: StatementText,
  select: Fields,
  targets: readonly (Fields | null)[],
  groups: readonly unknown[],
): Merge | null {
  const keys = groups.map(sayColumn)
  const columns = targets.map((target) => gatheringOf(target?.val, keys))
  if (columns.includes(null) || keys.includes(null)) return null
  const shown = targets.map((target) => sayColumn(target?.val))
  // What is grouped by must be in the answers, or groups of the same values would not be found there.
  if (!keys.every((key) => shown.includes(key))) return null
  const order = listOf(select.sortClause).map((item) => readOrder(statement, item, targets))
  const limit = readCount(statement, select.limitCount)
  const offset = readCount(statement, select.limitOffset)
  if (order.includes(null) || limit === undefined || offset === undefined) return null
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') return null
  return { columns: columns as Gathering[], order: order as Merge['order'], limit, offset }
}

/** A column as it is named; null for anything else. */
function sayColumn(node: unknown): string | null {
  const fields = listOf(asNode(node, 'ColumnRef')?.fields).map((part) => textOf(asNode(part, 'String')?.sval))
  return fields.length === 0 || fields.includes(null) ? null : JSON.stringify(fields)
}

function gatheringOf(node: unknown, keys: readonly (string | null)[]): Gathering | null {
  const column = sayColumn(node)
  if (column !== null) return keys.includes(column) ? 'key' : null
  const call = asNode(node, 'FuncCall')
  if (call === null || call.over !== undefined || call.agg_distinct === true || call.agg_order !== undefined)
    return null
  if (call.agg_within_group === true || call.func_variadic === true) return null
  const { schema, name } = nameOf(call.funcname)
  if (!AGGREGATES.has(name) || (schema !== null && schema !== 'pg_catalog')) return null
  const args = listOf(call.args)
  const counts = call.agg_star === true ? name === 'count' : args.length === 1
  return counts && !args.some(holdsCall) ? (name as Gathering) : null
}

/** It calls something: an aggregate among other things, as far as can be said here. */
function holdsCall(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(holdsCall)
  if (!isFields(node)) return false
  return Object.entries(node).some(
    ([key, inner]) => key === 'FuncCall' || key === 'SubLink' || holdsCall(inner),
  )
}

const DIRECTIONS: Readonly<Record<string, string>> = {
  SORTBY_DEFAULT: '',
  SORTBY_ASC: ' asc',
  SORTBY_DESC: ' desc',
}
const NULLS: Readonly<Record<string, string>> = {
  SORTBY_NULLS_DEFAULT: '',
  SORTBY_NULLS_FIRST: ' nulls first',
  SORTBY_NULLS_LAST: ' nulls last',
}

function readOrder(
  statement: StatementText,
  item: unknown,
  targets: readonly (Fields | null)[],
): Merge['order'][number] | null {
  const sort = asNode(item, 'SortBy')
  const direction = DIRECTIONS[String(sort?.sortby_dir)]
  const nulls = NULLS[String(sort?.sortby_nulls)]
  if (sort === null || direction === undefined || nulls === undefined) return null
  const column = findTarget(statement, sort.node, targets)
  return column < 0 ? null : { column, how: `${direction}${nulls}` }
}

/** Which output column an item of ORDER BY means: a place, a name, or the same expression. */
function findTarget(statement: StatementText, node: unknown, targets: readonly (Fields | null)[]): number {
  const constant = asNode(node, 'A_Const')
  if (constant !== null) {
    const place = Number(literalOf(statement, constant.location) ?? '')
    return Number.isInteger(place) && place >= 1 && place <= targets.length ? place - 1 : -1
  }
  const names = listOf(asNode(node, 'ColumnRef')?.fields).map((part) => textOf(asNode(part, 'String')?.sval))
  const [name] = names
  const named =
    names.length === 1 ? targets.flatMap((target, at) => (outputName(target) === name ? [at] : [])) : []
  if (named.length > 0) return named.length === 1 ? (named[0] as number) : -1
  const wanted = withoutPlaces(node)
  return targets.findIndex((target) => withoutPlaces(target?.val) === wanted && !holdsConstant(node))
}

function outputName(target: Fields | null): string | null {
  const given = textOf(target?.name)
  if (given !== null) return given
  const node = openNode(target?.val)
  if (node?.type === 'ColumnRef') return textOf(asNode(listOf(node.fields.fields).at(-1), 'String')?.sval)
  return node?.type === 'FuncCall' ? nameOf(node.fields.funcname).name : null
}

function withoutPlaces(node: unknown): string {
  return JSON.stringify(node, (key, value) => (key === 'location' ? undefined : value))
}

/** Of a shape all constants look alike. */
function holdsConstant(node: unknown): boolean {
  return JSON.stringify(node).includes('"A_Const"')
}

/** Undefined: it cannot be said. */
function readCount(statement: StatementText, node: unknown): RowCount | null | undefined {
  if (node === undefined) return null
  const parameter = asNode(node, 'ParamRef')
  if (typeof parameter?.number === 'number') return { parameter: parameter.number }
  const rows = literalOf(statement, asNode(node, 'A_Const')?.location)
  return rows !== null && /^\d{1,15}$/.test(rows) ? { rows } : undefined
}

/** Locations count bytes, which are characters where all is ASCII. */
function literalOf(statement: StatementText, location: unknown): string | null {
  if (typeof location !== 'number' || !IS_ASCII.test(statement.shape)) return null
  return statement.literalAt(location)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that ASCII has.
const IS_ASCII = /^[\x00-\x7f]*$/

/** A column of the answers that are to be merged. */
export interface AnswerColumn {
  readonly name: string
  /** The name of its type, as SQL writes it. */
  readonly type: string
}

/**
 * The statement that makes one answer of several, given each column of all of them as an array parameter. So
 * PostgreSQL adds, compares and sorts, by its own rules. Null where it cannot be said for these types. `rowsOf`
 * says what a limit by parameter is.
 */
export function mergeStatement(
  { columns, order, limit, offset }: Merge,
  answers: readonly AnswerColumn[],
  rowsOf: (parameter: number) => string | null,
): string | null {
  const targets = columns.map((gathering, at) => targetOf(gathering, answers[at] as AnswerColumn, at))
  if (targets.includes(null)) return null
  const arrays = answers.map(({ type }, at) => `$${at + 1}::${type}[]`)
  const names = answers.map((_, at) => `c${at}`)
  const keys = columns.flatMap((gathering, at) => (gathering === 'key' ? [`c${at}`] : []))
  const parts = [
    `select ${targets.join(', ')} from unnest(${arrays.join(', ')}) as p (${names.join(', ')})`,
    keys.length === 0 ? '' : ` group by ${keys.join(', ')}`,
    order.length === 0 ? '' : ` order by ${order.map(({ column, how }) => `${column + 1}${how}`).join(', ')}`,
  ]
  for (const [word, count] of [
    ['limit', limit],
    ['offset', offset],
  ] as const) {
    if (count === null) continue
    const rows = 'rows' in count ? count.rows : rowsOf(count.parameter)
    if (rows === null) return null
    parts.push(` ${word} ${rows}`)
  }
  return parts.join('')
}

/** Sums of whole numbers are bigint, whose sums are numeric; of other types only numeric adds up in any order. */
function targetOf(gathering: Gathering, { name, type }: AnswerColumn, at: number): string | null {
  const as = ` as "${name.replaceAll('"', '""')}"`
  switch (gathering) {
    case 'key':
      return `c${at}${as}`
    case 'count':
      return `coalesce(sum(c${at}), 0)::int8${as}`
    case 'sum':
      if (type === 'int8') return `sum(c${at})::int8${as}`
      return type === 'numeric' ? `sum(c${at})${as}` : null
    default:
      return `${gathering}(c${at})${as}`
  }
}
