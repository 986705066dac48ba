import { type Fields, parseSql } from './parser.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'

/** What rows are sorted by; `column`: its place. */
export interface ListedOrder {
  readonly column: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

const OTHER_CLAUSES = [
  ...['groupClause', 'havingClause', 'windowClause', 'withClause', 'lockingClause'],
  ...['valuesLists', 'intoClause', 'limitCount', 'limitOffset'],
]
const OF_AGGREGATES = ['agg_star', 'agg_order', 'agg_filter', 'agg_distinct', 'agg_within_group', 'over']
/** The aggregates of PostgreSQL: pg_aggregate.dat. */
const AGGREGATE =
  /^(count|sum|min|max|avg|any_value|every|xmlagg|grouping|(bool|bit)_(and|or|xor)|(array|string|json|jsonb|range|range_intersect)_agg(_strict)?|jsonb?_object_agg(_unique)?(_strict)?|(var|stddev)(iance)?(_pop|_samp)?|variance|corr|covar_.*|regr_.*|mode|percentile_.*|rank|dense_rank|percent_rank|cume_dist)$/

/**
 * The order in which a read lists rows as it finds them: of several servers that are asked the same, each in its order,
 * the rows are together what one would say. Empty: in none that is known. Null: they are not listed so, as in a count.
 * `isBuiltin`: a function of that name is PostgreSQL's own and nobody else's.
 */
export function listedOrder(
  text: string,
  isBuiltin: (name: string) => boolean,
): readonly ListedOrder[] | null {
  const parsed = parseSql(text)
  if (parsed.kind !== 'tree' || parsed.statements.length !== 1) return null
  const select = asNode(parsed.statements[0]?.stmt, 'SelectStmt')
  if (select === null || select.op !== 'SETOP_NONE') return null
  if (OTHER_CLAUSES.some((clause) => select[clause] !== undefined)) return null
  // DISTINCT ON takes one of several; DISTINCT names none.
  if (listOf(select.distinctClause).some((each) => openNode(each) !== null)) return null
  if (holdsAggregate(select.targetList, isBuiltin) || holdsAggregate(select.sortClause, isBuiltin))
    return null
  const targets = listOf(select.targetList).map((target) => asNode(target, 'ResTarget'))
  const order = listOf(select.sortClause).map((item) => orderOf(item, targets))
  return order.every((each) => each !== null) ? order : []
}

/** Outside of subqueries, which have rows of their own. */
function holdsAggregate(node: unknown, isBuiltin: (name: string) => boolean): boolean {
  if (Array.isArray(node)) return node.some((each) => holdsAggregate(each, isBuiltin))
  if (!isFields(node)) return false
  return Object.entries(node).some(([type, value]) => {
    if (type === 'SubLink') return false
    if (type === 'FuncCall' && isFields(value)) {
      const { name } = nameOf(value.funcname)
      if (AGGREGATE.test(name) || !isBuiltin(name)) return true
      if (OF_AGGREGATES.some((field) => value[field] !== undefined)) return true
    }
    return holdsAggregate(value, isBuiltin)
  })
}

function orderOf(item: unknown, targets: readonly (Fields | null)[]): ListedOrder | null {
  const sort = asNode(item, 'SortBy')
  const direction = String(sort?.sortby_dir)
  if (sort === null || direction === 'SORTBY_USING') return null
  const column = columnOf(sort.node, targets)
  if (column < 0) return null
  const descending = direction === 'SORTBY_DESC'
  const nulls = String(sort.sortby_nulls)
  const nullsFirst = nulls === 'SORTBY_NULLS_DEFAULT' ? descending : nulls === 'SORTBY_NULLS_FIRST'
  return { column, descending, nullsFirst }
}

/** A place, a name, or the same expression; -1: none of them. */
function columnOf(node: unknown, targets: readonly (Fields | null)[]): number {
  if (JSON.stringify(targets).includes('"A_Star"')) return -1
  const place = asNode(node, 'A_Const')?.ival
  if (isFields(place) && typeof place.ival === 'number')
    return place.ival <= targets.length ? place.ival - 1 : -1
  const names = listOf(asNode(node, 'ColumnRef')?.fields).map((part) => textOf(asNode(part, 'String')?.sval))
  if (names.length === 1) {
    const named = targets.findIndex((target) => nameOfTarget(target) === names[0])
    if (named >= 0) return named
  }
  const wanted = sayWithoutPlace(node)
  return targets.findIndex((target) => sayWithoutPlace(target?.val) === wanted)
}

function nameOfTarget(target: Fields | null): string | null {
  const given = textOf(target?.name)
  if (given !== null) return given
  const column = asNode(target?.val, 'ColumnRef')
  return column === null ? null : textOf(asNode(listOf(column.fields).at(-1), 'String')?.sval)
}

function sayWithoutPlace(node: unknown): string {
  return JSON.stringify(node, (key, value) => (key === 'location' ? undefined : value)) ?? ''
}
