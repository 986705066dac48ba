import { hidesColumns, partsOf } from './block-conditions.js'
import type { Fields } from './parser.js'
import type { ShapeLiterals } from './shape-literals.js'
import type { QueryDraft } from './statement-draft.js'
import type {
  Assignment,
  InsertFacts,
  QualifiedName,
  QueryBlock,
  SourceRange,
  ValueRef,
} from './statement-facts.js'
import { asNode, isFields, listOf, openNode, textOf } from './tree.js'
import { valueRefOf } from './value-ref.js'

type Selected = NonNullable<InsertFacts['selected']>[number]

/** What an INSERT inserts where; its SELECT, where it is a plain one, is the block `selectBlock`. */
export function insertOf(
  query: QueryDraft,
  fields: Fields,
  table: QualifiedName,
  block: number,
  selectBlock: number,
): InsertFacts {
  const select = asNode(fields.selectStmt, 'SelectStmt')
  const action = isFields(fields.onConflictClause) ? fields.onConflictClause.action : null
  return {
    block,
    table,
    columns: columnsOf(fields.cols),
    rows: select === null ? [[]] : rowsOf(select, query.literals),
    selected: select === null ? null : selectedOf(query, select, selectBlock),
    conflict: action === null ? 'none' : action === 'ONCONFLICT_NOTHING' ? 'nothing' : 'update',
  }
}

/** What the clauses of a MERGE insert. */
export function mergeInsertsOf(
  { literals, draft }: QueryDraft,
  clauses: readonly Fields[],
  table: QualifiedName,
  block: number,
): InsertFacts[] {
  const sources = draft.blocks[block]?.sources ?? []
  return clauses
    .filter(({ commandType }) => commandType === 'CMD_INSERT')
    .map(({ targetList, values }) => ({
      block,
      table,
      columns: columnsOf(targetList),
      rows: [rowOf(values, literals)],
      selected: mergedOf(values, literals, sources, block),
      conflict: 'none',
    }))
}

/** As `rowOf`, with the columns of what is merged: a bare name is one of its only source's. */
function mergedOf(
  values: unknown,
  literals: ShapeLiterals,
  sources: QueryBlock['sources'],
  block: number,
): InsertFacts['selected'] {
  if (listOf(values).some(isStar)) return null
  return listOf(values).map((value): Selected => {
    const parts = partsOf(value)
    if (parts === null) return valueRefOf(value, literals)
    const { alias, column } = parts
    const isOfIt = sources.length === 2 && (alias === null || alias === sources[1]?.alias)
    return isOfIt ? { block, source: 1, column } : null
  })
}

/**
 * The sources of a MERGE whose rows are of no consequence unless its ON holds for them: not those that a
 * clause deals with when nothing matches them.
 */
export function rangeOfMerge(clauses: readonly Fields[], sources: number): SourceRange | null {
  const kinds = new Set(clauses.map(({ matchKind }) => matchKind))
  const first = kinds.has('MERGE_WHEN_NOT_MATCHED_BY_SOURCE') ? 1 : 0
  const end = kinds.has('MERGE_WHEN_NOT_MATCHED_BY_TARGET') ? 1 : sources
  return first < end ? { first, end } : null
}

/** The columns that a list of SET sets. */
export function assignmentsOf(block: number, targetList: unknown): Assignment[] {
  return listOf(targetList).map((each) => {
    const target = asNode(each, 'ResTarget') ?? {}
    const column = textOf(target.name) ?? ''
    const parts = target.indirection === undefined ? partsOf(target.val) : null
    return { block, column, fromExcluded: parts?.alias === 'excluded' && parts.column === column }
  })
}

function columnsOf(targets: unknown): string[] | null {
  if (targets === undefined) return null
  return listOf(targets).map((column) => textOf(asNode(column, 'ResTarget')?.name) ?? '')
}

/** The rows of VALUES; of a LIMIT over them it is not known which they are. */
function rowsOf(select: Fields, literals: ShapeLiterals): InsertFacts['rows'] {
  const { valuesLists, limitCount, limitOffset } = select
  if (valuesLists === undefined || limitCount !== undefined || limitOffset !== undefined) return null
  return listOf(valuesLists).map((row) => rowOf(asNode(row, 'List')?.items, literals))
}

function rowOf(values: unknown, literals: ShapeLiterals): (ValueRef | null)[] {
  const hasStar = listOf(values).some(isStar)
  return listOf(values).map((value) => (hasStar ? null : valueRefOf(value, literals)))
}

/** Whether an expression stands for several columns, so that those behind it have other places. */
function isStar(node: unknown): boolean {
  const parts = asNode(node, 'ColumnRef')?.fields ?? asNode(node, 'A_Indirection')?.indirection
  return asNode(listOf(parts).at(-1), 'A_Star') !== null
}

/** A WITH has blocks before that of its SELECT, and grouping sets make NULLs of what they group by. */
function selectedOf(query: QueryDraft, select: Fields, block: number): InsertFacts['selected'] {
  const { op, valuesLists, withClause, groupClause, fromClause, targetList } = select
  const isPlain = op === 'SETOP_NONE' && valuesLists === undefined && withClause === undefined
  const outputs = listOf(targetList).map((target) => asNode(target, 'ResTarget')?.val)
  if (!isPlain || outputs.some(isStar)) return null
  if (listOf(groupClause).some((each) => openNode(each)?.type === 'GroupingSet')) return null
  const sources = query.draft.blocks[block]?.sources ?? []
  const bare = !listOf(fromClause).some(hidesColumns)
  return outputs.map((value): Selected => {
    const parts = partsOf(value)
    if (parts === null) return valueRefOf(value, query.literals)
    const { alias, column } = parts
    if (alias === null) return bare ? { block, source: sources.length === 1 ? 0 : null, column } : null
    const source = sources.findIndex((each) => each.alias === alias)
    const isOnly = source >= 0 && sources.every((each, index) => each.alias !== alias || index === source)
    return isOnly ? { block, source, column } : null
  })
}
