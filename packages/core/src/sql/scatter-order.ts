import type { ScatterDraft } from './scatter-draft.js'
import { CannotScatter } from './scatter-draft.js'
import type { StatementText } from './statement-text.js'
import { asNode, listOf, nameOf, openNode, textOf } from './tree.js'

export interface SortDirection {
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** So many rows, or as a parameter says. */
export type RowCount = { readonly rows: string } | { readonly parameter: number }

/** What an item of ORDER BY sorts by, and how. */
export function readDirection(item: unknown): SortDirection & { readonly node: unknown } {
  const sort = asNode(item, 'SortBy')
  const direction = String(sort?.sortby_dir)
  if (direction === 'SORTBY_USING') throw new CannotScatter('it has ORDER BY … USING')
  const descending = direction === 'SORTBY_DESC'
  const nulls = String(sort?.sortby_nulls)
  const nullsFirst = nulls === 'SORTBY_NULLS_DEFAULT' ? descending : nulls === 'SORTBY_NULLS_FIRST'
  return { node: sort?.node, descending, nullsFirst }
}

/**
 * Which output column an item of ORDER BY means: a place, a name, or the same expression (PostgreSQL's
 * `findTargetlistEntrySQL92` in parse_clause.c). A name: of a column that `*` stands for. Null: none.
 */
export function findTarget(draft: ScatterDraft, node: unknown): number | string | null {
  const { targets, hasStar } = draft
  if (asNode(node, 'A_Const') !== null) {
    const place = Number(draft.say(node))
    const isPlace = Number.isInteger(place) && place >= 1 && (hasStar || place <= targets.length)
    if (isPlace) return place - 1
    throw new CannotScatter('it sorts by a constant')
  }
  const names = listOf(asNode(node, 'ColumnRef')?.fields).map((part) => textOf(asNode(part, 'String')?.sval))
  const [name] = names
  if (names.length === 1 && typeof name === 'string') {
    const named = targets.flatMap((target, at) => (outputName(target) === name ? [at] : []))
    if (named.length > 1) throw new CannotScatter(`several columns are called ${name}`)
    // With *, places are not what they seem.
    if (hasStar) return name
    if (named.length === 1) return named[0] as number
  }
  if (hasStar) return null
  const wanted = draft.say(node)
  const at = targets.findIndex(({ val }) => draft.say(val) === wanted)
  return at < 0 ? null : at
}

function outputName(target: { readonly [field: string]: unknown }): string | null {
  const given = textOf(target.name)
  if (given !== null) return given
  const node = openNode(target.val)
  if (node?.type === 'ColumnRef') return textOf(asNode(listOf(node.fields.fields).at(-1), 'String')?.sval)
  return node?.type === 'FuncCall' ? nameOf(node.fields.funcname).name : null
}

/** Null: all rows. */
export function readRowCount(statement: StatementText, node: unknown): RowCount | null {
  if (node === undefined) return null
  const parameter = asNode(node, 'ParamRef')
  if (typeof parameter?.number === 'number') return { parameter: parameter.number }
  const constant = asNode(node, 'A_Const')
  if (constant?.isnull === true) return null
  const rows = constant === null ? null : statement.literalAt(Number(constant.location))
  if (rows !== null && /^\d{1,15}$/.test(rows)) return { rows }
  throw new CannotScatter('its LIMIT or OFFSET is not a plain number')
}

/** What LIMIT and OFFSET come to in one call. */
export interface CountedRows {
  /** Null: all. */
  readonly limit: number | null
  readonly offset: number
  /** What each shard shall give, as text; null: all. */
  readonly each: string | null
}

/** `valueFor`: the text of a parameter. Null: PostgreSQL has something to say of it. */
export function countRows(
  { limit, offset }: { readonly limit: RowCount | null; readonly offset: RowCount | null },
  valueFor: (parameter: number) => string | null,
): CountedRows | null {
  const most = limit === null ? null : countOf(limit, valueFor)
  const skipped = offset === null ? null : countOf(offset, valueFor)
  if (most === undefined || skipped === undefined) return null
  return { limit: most, offset: skipped ?? 0, each: most === null ? null : String(most + (skipped ?? 0)) }
}

/** Undefined: no number of rows. */
function countOf(count: RowCount, valueFor: (parameter: number) => string | null): number | null | undefined {
  const rows = 'rows' in count ? count.rows : valueFor(count.parameter)
  if (rows === null) return null
  return /^\d{1,15}$/.test(rows) ? Number(rows) : undefined
}
