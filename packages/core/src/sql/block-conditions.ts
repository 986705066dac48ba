import type { Fields } from './parser.js'
import type { Scope } from './scope.js'
import type { DraftSource, QueryDraft } from './statement-draft.js'
import type { BlockColumn, ColumnEquality, ColumnPair, SourceRange } from './statement-facts.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'
import { allValueRefsOf, anyValueRefsOf } from './value-ref.js'

type Values = ColumnEquality['values']

/** That a column has one of some values, or that two columns are equal; never true of a NULL. */
export type Condition = ColumnEquality | ColumnPair

/** Conditions ANDed somewhere, and where they stand. */
interface Place {
  /** Whose columns may be named. */
  readonly names: SourceRange
  /** Columns without a qualifier can only be those of `names`, or of a block further out. */
  readonly bare: boolean
  /** Columns of blocks further out may be named. */
  readonly correlated: boolean
}

/** What is demanded of the rows of some sources. */
interface Demand {
  /** Sources of which a column is compared: none of them stands there as NULLs. */
  readonly strict: ReadonlySet<number>
  /** The sources of which it is demanded; null for all of the block. */
  readonly of: SourceRange | null
}

const NOTHING: Demand = { strict: new Set(), of: null }

/** Which equalities the rows of a block satisfy: those ANDed in its WHERE and in its joins. */
export function collectConditions(
  query: QueryDraft,
  scope: Scope,
  from: readonly unknown[],
  where: unknown,
  firstOfFrom = 0,
): void {
  if (scope.block === null) return
  const conditions = new BlockConditions(query, scope, scope.block, from)
  const own = conditions.readWhere(where)
  conditions.readItems(from, firstOfFrom, { strict: strictOf(own), of: null })
  conditions.note(own, null)
}

/**
 * The same of a MERGE: `of` are the sources whose rows are of no consequence unless its ON holds for them,
 * null when there are none.
 */
export function collectMergeConditions(
  query: QueryDraft,
  scope: Scope,
  source: unknown,
  on: unknown,
  of: SourceRange | null,
): void {
  if (scope.block === null) return
  const conditions = new BlockConditions(query, scope, scope.block, [source])
  conditions.readItems([source], 1, NOTHING)
  if (of !== null) conditions.note(conditions.readOn(on), of)
}

class BlockConditions {
  private readonly query: QueryDraft
  private readonly scope: Scope
  private readonly block: number
  private readonly bare: boolean

  constructor(query: QueryDraft, scope: Scope, block: number, from: readonly unknown[]) {
    this.query = query
    this.scope = scope
    this.block = block
    this.bare = !from.some(hidesColumns)
  }

  readWhere(where: unknown): Condition[] {
    return this.conditionsOf(where, { names: this.all, bare: this.bare, correlated: true })
  }

  readOn(on: unknown): Condition[] {
    return this.conditionsOf(on, { names: this.all, bare: this.bare, correlated: false })
  }

  readItems(items: readonly unknown[], first: number, demand: Demand): void {
    let at = first
    for (const item of items) {
      this.readItem(item, at, demand)
      at += countSources(item)
    }
  }

  note(conditions: readonly Condition[], of: SourceRange | null): void {
    const { draft } = this.query
    for (const condition of conditions) {
      if ('values' in condition) {
        if (of === null) draft.equalities.push(condition)
        else draft.outerEqualities.push({ of, condition })
      } else if (of === null) draft.columnPairs.push(condition)
      else draft.outerPairs.push({ of, condition })
    }
  }

  /**
   * Goes down a tree of joins with what is demanded of its rows. An outer join whose NULLs are demanded
   * not to be is an inner one. Of any other the side it keeps has to satisfy what the whole has to; rows
   * of the other side count only where its ON holds for them, too.
   * (`reduce_outer_joins_pass2`, src/backend/optimizer/prep/prepjointree.c.)
   */
  private readItem(item: unknown, first: number, demand: Demand): void {
    const join = asNode(item, 'JoinExpr')
    if (join === null) return
    const middle = first + countSources(join.larg)
    const end = middle + countSources(join.rarg)
    const left: SourceRange = { first, end: middle }
    const right: SourceRange = { first: middle, end }
    const own = this.conditionsOfJoin(join, { first, end }, first)
    const [keepsLeft, keepsRight] = keptSides(join.jointype)
    const leftIsNull = keepsRight && !isDemanded(demand, left)
    const rightIsNull = keepsLeft && !isDemanded(demand, right)
    if (leftIsNull) this.markNullable(left)
    if (rightIsNull) this.markNullable(right)
    const both: Demand = { strict: new Set([...demand.strict, ...strictOf(own)]), of: demand.of }
    const isInner = !leftIsNull && !rightIsNull
    const demandOf = (side: SourceRange, isNull: boolean): Demand => {
      if (isInner) return both
      if (!isNull) return demand
      return { ...(leftIsNull && rightIsNull ? demand : both), of: side }
    }
    this.readItem(join.larg, first, demandOf(left, leftIsNull))
    this.readItem(join.rarg, middle, demandOf(right, rightIsNull))
    if (isInner) this.note(own, demand.of)
    else if (leftIsNull !== rightIsNull) this.note(own, leftIsNull ? left : right)
  }

  private conditionsOfJoin(join: Fields, names: SourceRange, first: number): Condition[] {
    const bare = this.bare && names.first === 0 && names.end === this.sources.length
    const conditions = this.conditionsOf(join.quals, { names, bare, correlated: false })
    for (const name of listOf(join.usingClause)) {
      const column = textOf(asNode(name, 'String')?.sval)
      if (column === null) continue
      const left = this.columnOfItem(join.larg, first, column)
      const right = this.columnOfItem(join.rarg, first + countSources(join.larg), column)
      if (left !== null && right !== null) conditions.push({ left, right })
    }
    return conditions
  }

  private markNullable({ first, end }: SourceRange): void {
    for (const source of this.sources.slice(first, end)) source.nullable = true
  }

  private conditionsOf(node: unknown, place: Place): Condition[] {
    const found: Condition[] = []
    this.readConjunct(node, place, found)
    return found
  }

  private readConjunct(node: unknown, place: Place, into: Condition[]): void {
    const all = asNode(node, 'BoolExpr')
    if (all !== null) {
      if (all.boolop === 'AND_EXPR') for (const part of listOf(all.args)) this.readConjunct(part, place, into)
      return
    }
    const comparison = asNode(node, 'A_Expr')
    if (comparison === null || !isEquals(comparison.name)) return
    const { kind, lexpr, rexpr } = comparison
    if (kind === 'AEXPR_OP') this.addEqual(lexpr, rexpr, place, into)
    else if (kind === 'AEXPR_IN') this.addIn(lexpr, listOf(asNode(rexpr, 'List')?.items), place, into)
    else if (kind === 'AEXPR_OP_ANY')
      this.addValues(lexpr, anyValueRefsOf(rexpr, this.query.literals), place, into)
  }

  private addEqual(left: unknown, right: unknown, place: Place, into: Condition[]): void {
    const leftRow = asNode(left, 'RowExpr')
    const rightRow = asNode(right, 'RowExpr')
    if (leftRow !== null && rightRow !== null) {
      const others = listOf(rightRow.args)
      const sides = listOf(leftRow.args)
      if (sides.length === others.length)
        for (const [index, side] of sides.entries()) this.addEqual(side, others[index], place, into)
      return
    }
    const { literals } = this.query
    if (asNode(left, 'ColumnRef') === null)
      this.addValues(right, allValueRefsOf([left], literals), place, into)
    else if (asNode(right, 'ColumnRef') === null)
      this.addValues(left, allValueRefsOf([right], literals), place, into)
    else this.addPair(left, right, place, into)
  }

  private addIn(left: unknown, items: readonly unknown[], place: Place, into: Condition[]): void {
    const row = asNode(left, 'RowExpr')
    if (row === null) this.addValues(left, allValueRefsOf(items, this.query.literals), place, into)
    listOf(row?.args).forEach((column, index) => {
      const values = items.map((item) => listOf(asNode(item, 'RowExpr')?.args)[index])
      this.addValues(column, allValueRefsOf(values, this.query.literals), place, into)
    })
  }

  private addValues(node: unknown, values: Values | null, place: Place, into: Condition[]): void {
    const column = this.columnOf(node, place)
    if (column !== null && values !== null) into.push({ ...column, values })
  }

  private addPair(one: unknown, other: unknown, place: Place, into: Condition[]): void {
    const left = this.columnOf(one, place)
    const right = this.columnOf(other, place)
    if (left !== null && right !== null) into.push({ left, right })
    else if (place.correlated && left !== null) this.addCorrelation(left, other)
    else if (place.correlated && right !== null) this.addCorrelation(right, one)
  }

  private addCorrelation(inner: BlockColumn, node: unknown): void {
    const outer = this.outerColumnOf(node)
    if (outer !== null) this.query.draft.correlations.push({ inner, outer })
  }

  /** The column of a FROM item: of a table, or of a join that merges its sides' columns of this name. */
  private columnOfItem(item: unknown, first: number, column: string): BlockColumn | null {
    const node = openNode(item)
    if (node?.type === 'RangeVar') return { block: this.block, source: first, column }
    if (node?.type !== 'JoinExpr' || node.fields.alias !== undefined) return null
    const { jointype, usingClause, larg, rarg } = node.fields
    if (!listOf(usingClause).some((name) => asNode(name, 'String')?.sval === column)) return null
    if (jointype === 'JOIN_INNER' || jointype === 'JOIN_LEFT') return this.columnOfItem(larg, first, column)
    return jointype === 'JOIN_RIGHT' ? this.columnOfItem(rarg, first + countSources(larg), column) : null
  }

  /** A column of this block; null where it may be one of a block further out. */
  private columnOf(node: unknown, { names, bare }: Place): BlockColumn | null {
    const { block } = this
    const parts = partsOf(node)
    if (parts === null) return null
    if (parts.alias === null) {
      const only = this.sources.length === 1 && !this.scope.nested ? 0 : null
      return bare ? { block, source: only, column: parts.column } : null
    }
    const source = sourceNamed(this.sources, parts.alias, names)
    return source === null ? null : { block, source, column: parts.column }
  }

  /** A column of a block further out that this one certainly sees. */
  private outerColumnOf(node: unknown): BlockColumn | null {
    const parts = partsOf(node)
    if (parts === null || parts.alias === null || this.scope.outer === null) return null
    const { blocks } = this.query.draft
    for (const block of [this.block, ...this.scope.outer]) {
      const around = blocks[block]
      if (around === undefined || around.opaque) return null
      const named = around.sources.filter(({ alias }) => alias === parts.alias)
      if (named.length > 1 || (named.length === 1 && block === this.block)) return null
      if (named.length === 1)
        return { block, source: around.sources.indexOf(named[0] as DraftSource), column: parts.column }
    }
    return null
  }

  private get sources(): DraftSource[] {
    return this.query.draft.blocks[this.block]?.sources ?? []
  }

  private get all(): SourceRange {
    return { first: 0, end: this.sources.length }
  }
}

/** How many sources a FROM item adds to its block. */
export function countSources(item: unknown): number {
  const node = openNode(item)
  if (node === null) return 0
  if (node.type === 'JoinExpr') return countSources(node.fields.larg) + countSources(node.fields.rarg)
  return node.type === 'RangeTableSample' ? countSources(node.fields.relation) : 1
}

/** Whether the left and the right side keep rows that have no match on the other. */
function keptSides(type: unknown): [left: boolean, right: boolean] {
  if (type === 'JOIN_INNER') return [false, false]
  return [type !== 'JOIN_RIGHT', type !== 'JOIN_LEFT']
}

function isDemanded({ strict }: Demand, { first, end }: SourceRange): boolean {
  for (let source = first; source < end; source++) if (strict.has(source)) return true
  return false
}

function strictOf(conditions: readonly Condition[]): ReadonlySet<number> {
  const columns = conditions.flatMap((each) => ('values' in each ? [each] : [each.left, each.right]))
  return new Set(columns.flatMap(({ source }) => (source === null ? [] : [source])))
}

/** Whether a column's bare name may mean something else than the column of that name of a table. */
export function hidesColumns(item: unknown): boolean {
  const join = asNode(item, 'JoinExpr')
  if (join === null) return false
  const merges = join.usingClause !== undefined || join.isNatural === true
  if (isFields(join.alias) || (merges && join.jointype !== 'JOIN_INNER')) return true
  return hidesColumns(join.larg) || hidesColumns(join.rarg)
}

/** `column` or `alias.column`, else null. */
export function partsOf(node: unknown): { alias: string | null; column: string } | null {
  const reference = asNode(node, 'ColumnRef')
  if (reference === null) return null
  const parts = listOf(reference.fields).map((part) => textOf(asNode(part, 'String')?.sval))
  const column = parts.at(-1)
  if (column === undefined || column === null || parts.includes(null) || parts.length > 2) return null
  return { alias: parts.length === 2 ? (parts[0] ?? null) : null, column }
}

/** Null where two of the block have the name, or none: then the column is one of a block further out. */
function sourceNamed(sources: readonly DraftSource[], alias: string, names: SourceRange): number | null {
  const matches = sources.flatMap((source, index) => (source.alias === alias ? [index] : []))
  const [only] = matches
  if (only === undefined || matches.length > 1) return null
  return only >= names.first && only < names.end ? only : null
}

function isEquals(names: unknown): boolean {
  const { schema, name } = nameOf(names)
  return name === '=' && (schema === null || schema === 'pg_catalog')
}
