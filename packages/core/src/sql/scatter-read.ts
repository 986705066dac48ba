import { type Fields, parseSql } from './parser.js'
import { CannotScatter, type Gathered, ScatterDraft } from './scatter-draft.js'
import {
  findTarget,
  type RowCount,
  readDirection,
  readRowCount,
  type SortDirection,
} from './scatter-order.js'
import { type Piece, type StatementPart, StatementText } from './statement-text.js'
import { asNode, listOf, NotUnderstood, openNode } from './tree.js'

/**
 * A read that each shard can be asked by itself, and what to do with the answers. To be used so, by whoever has
 * shards that answer with text:
 *
 * 1. `readScatter(text)`, of a statement whose rows come each of one shard (`planShards` says `colocated`), and which
 *    calls nothing but what is immutable. If it `comparesValues`, nothing in it may have a collation of its own.
 * 2. Each shard is asked `partial`, with the values of its `parameters`; the parameter `EACH`, where it is there, is
 *    what `countRows` says that each shall give.
 * 3. `gather` says how the answers become one:
 *    - `rows`: `rowOrder` makes the comparison of two rows from the answers' columns, and `RowMerge` merges them,
 *      also while they come. The last `hidden` columns are for that alone and are not shown.
 *    - `groups`: no shard may have answered more than `MOST_GROUPS` rows; `mergeStatement` makes a statement of the
 *      answers' columns, which any shard can run: its answer is the answer, columns and all.
 * Where one of these gives null, the federation is to be asked: PostgreSQL knows what we do not.
 */
export interface ScatterRead {
  /** What each is asked. */
  readonly partial: StatementPart
  readonly gather: RowGathering | GroupGathering
}

/** Rows as the shards have them, in an order or in any. */
export interface RowGathering {
  readonly kind: 'rows'
  /** Empty: in any order. */
  readonly order: readonly SortKey[]
  /** So many columns at the end were asked for to sort by. */
  readonly hidden: number
  readonly limit: RowCount | null
  readonly offset: RowCount | null
}

export interface SortKey extends SortDirection {
  /** Its place, or its name where places are not known before the answers. */
  readonly column: number | string
}

/** Groups of which each shard has a part. */
export interface GroupGathering {
  readonly kind: 'groups'
  /** What is shown of them. `name`: null where the answer's column has it. */
  readonly shown: readonly { readonly value: Gathered; readonly name: string | null }[]
  /** The answers' columns that make a group. */
  readonly keys: readonly number[]
  /** Text, parameters of the whole, and values of the group. */
  readonly having: readonly (Piece | Gathered)[] | null
  readonly order: readonly (SortDirection & { readonly value: Gathered })[]
  readonly limit: RowCount | null
  readonly offset: RowCount | null
}

/** Why a read is not taken apart. */
export interface NotScattered {
  readonly why: string
}

/** In place of the number of a parameter: how many rows each shard shall give. */
export const EACH = 0
/** Of groups with more than so many rows a shard the answers are not held here. */
export const MOST_GROUPS = 50_000

const OTHER_CLAUSES: Readonly<Record<string, string>> = {
  windowClause: 'WINDOW',
  withClause: 'WITH',
  lockingClause: 'FOR UPDATE or the like',
  valuesLists: 'VALUES',
  intoClause: 'INTO',
  groupDistinct: 'GROUP BY DISTINCT',
}
const BEHIND_ROWS = ['limit', 'offset', 'fetch']
const BEHIND_GROUPS = ['having', 'order', ...BEHIND_ROWS]

const NONE_KNOWN = (): boolean => false

/**
 * Takes a read apart whose rows come each of one shard, or says why not. `isOfRow`: a function of that name is of one
 * row, no aggregate and no window function.
 */
export function readScatter(
  text: string,
  isOfRow: (name: string) => boolean = NONE_KNOWN,
): ScatterRead | NotScattered {
  try {
    const statement = new StatementText(text)
    const select = readSelect(statement)
    const draft = new ScatterDraft(statement, select, isOfRow)
    return draft.isGrouped ? readGroups(draft, select) : readRows(draft, select)
  } catch (error) {
    if (error instanceof CannotScatter || error instanceof NotUnderstood) return { why: error.message }
    throw error
  }
}

/** What the shards answer is compared with each other. */
export function comparesValues({ gather }: ScatterRead): boolean {
  return gather.kind === 'groups' || gather.order.length > 0
}

function readSelect(statement: StatementText): Fields {
  const parsed = statement.isPlain ? parseSql(statement.shape) : null
  const select =
    parsed?.kind === 'tree' && parsed.statements.length === 1
      ? asNode(parsed.statements[0]?.stmt, 'SelectStmt')
      : null
  if (select === null) throw new CannotScatter('it is not one plain SELECT')
  if (select.op !== 'SETOP_NONE') throw new CannotScatter('it has UNION, INTERSECT or EXCEPT')
  for (const [clause, name] of Object.entries(OTHER_CLAUSES))
    if (select[clause] !== undefined) throw new CannotScatter(`it has ${name}`)
  // What is gathered is compared as its type is, not as the statement says.
  if (JSON.stringify(select).includes('"CollateClause"')) throw new CannotScatter('it has COLLATE')
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') throw new CannotScatter('it has WITH TIES')
  if (listOf(select.targetList).length === 0) throw new CannotScatter('it selects no column')
  return select
}

function readRows(draft: ScatterDraft, select: Fields): ScatterRead {
  const { statement } = draft
  const limit = readRowCount(statement, select.limitCount)
  const offset = readRowCount(statement, select.limitOffset)
  const order = listOf(select.sortClause).map((item, at): SortKey => {
    const { node, ...direction } = readDirection(item)
    const column = findTarget(draft, node) ?? draft.hideSort(at)
    return { ...direction, column }
  })
  const isLimited = limit !== null || offset !== null
  const end = isLimited ? statement.findWord(BEHIND_ROWS) : draft.end
  if (end < 0) throw new CannotScatter('its LIMIT is not found')
  const partial = draft.assemble(end, limit === null ? [] : [' limit ', ...eachOf(limit, offset)])
  refuseShared(partial, [limit, offset])
  return { partial, gather: { kind: 'rows', order, hidden: draft.hidden, limit, offset } }
}

/** So many could all be of one shard. */
function eachOf(limit: RowCount, offset: RowCount | null): Piece[] {
  if ('parameter' in limit || (offset !== null && 'parameter' in offset)) return [EACH]
  return [String(BigInt(limit.rows) + BigInt(offset?.rows ?? 0))]
}

function readGroups(draft: ScatterDraft, select: Fields): ScatterRead {
  const { statement, targets } = draft
  const keys = draft.keys()
  const shown = targets.map((target, at) => ({ value: draft.gather(target.val, at), name: nameOf(target) }))
  const having = select.havingClause === undefined ? null : draft.translate(select.havingClause, 'having')
  const order = listOf(select.sortClause).map((item) => {
    const { node, ...direction } = readDirection(item)
    const at = findTarget(draft, node)
    if (typeof at === 'string') throw new CannotScatter('it sorts by a column of *')
    return {
      ...direction,
      value: at === null ? draft.gather(node, null) : (shown[at] as (typeof shown)[0]).value,
    }
  })
  const limit = readRowCount(statement, select.limitCount)
  const offset = readRowCount(statement, select.limitOffset)
  const cut = statement.findWord(BEHIND_GROUPS)
  const partial = draft.assemble(cut < 0 ? draft.end : cut, [` limit ${MOST_GROUPS + 1}`])
  const counted = (having ?? []).filter((piece) => typeof piece === 'number')
  if (counted.some((number) => partial.parameters.includes(number)))
    throw new CannotScatter('a parameter of HAVING is used elsewhere, too')
  refuseShared({ text: '', parameters: [...partial.parameters, ...counted] }, [limit, offset])
  return { partial, gather: { kind: 'groups', shown, keys, having, order, limit, offset } }
}

/** The name that an aggregate gives its column; null: it stays what it is. */
function nameOf(target: Fields): string | null {
  if (typeof target.name === 'string') return target.name
  const call = openNode(target.val)
  if (call?.type !== 'FuncCall') return null
  const last = asNode(listOf(call.fields.funcname).at(-1), 'String')
  return typeof last?.sval === 'string' ? last.sval : null
}

/** Of what type a parameter is that stands in two places is for PostgreSQL to say. */
function refuseShared({ parameters }: StatementPart, counts: readonly (RowCount | null)[]): void {
  for (const count of counts)
    if (count !== null && 'parameter' in count && parameters.includes(count.parameter))
      throw new CannotScatter('a parameter of LIMIT is used elsewhere, too')
}
