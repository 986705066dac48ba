import type { BlockColumn, ColumnEquality } from './statement-facts.js'
import type { Scope, StatementWalk } from './statement-walk.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'
import { allValueRefsOf, anyValueRefsOf } from './value-ref.js'

type Values = ColumnEquality['values']

/** Which equalities every row of a block satisfies: those ANDed in its WHERE and in its inner joins. */
export function collectConditions(
  walk: StatementWalk,
  scope: Scope,
  from: readonly unknown[],
  where: unknown,
): void {
  const conditions = new BlockConditions(walk, scope)
  for (const item of from) conditions.readJoin(item)
  conditions.readConjunct(where)
}

class BlockConditions {
  private readonly walk: StatementWalk
  private readonly scope: Scope

  constructor(walk: StatementWalk, scope: Scope) {
    this.walk = walk
    this.scope = scope
  }

  /** An outer join keeps rows its ON does not hold for; of its sides only the kept one is certain. */
  readJoin(item: unknown): void {
    const join = asNode(item, 'JoinExpr')
    if (join === null) return
    const type = join.jointype
    if (type === 'JOIN_INNER' || type === 'JOIN_LEFT') this.readJoin(join.larg)
    if (type === 'JOIN_INNER' || type === 'JOIN_RIGHT') this.readJoin(join.rarg)
    if (type !== 'JOIN_INNER') return
    this.readConjunct(join.quals)
    for (const name of listOf(join.usingClause)) this.addUsing(join.larg, join.rarg, name)
  }

  readConjunct(node: unknown): void {
    const all = asNode(node, 'BoolExpr')
    if (all !== null) {
      if (all.boolop === 'AND_EXPR') for (const part of listOf(all.args)) this.readConjunct(part)
      return
    }
    const comparison = asNode(node, 'A_Expr')
    if (comparison === null || !isEquals(comparison.name)) return
    const { kind, lexpr, rexpr } = comparison
    if (kind === 'AEXPR_OP') this.addEqual(lexpr, rexpr)
    else if (kind === 'AEXPR_IN') this.addIn(lexpr, listOf(asNode(rexpr, 'List')?.items))
    else if (kind === 'AEXPR_OP_ANY') this.addValues(lexpr, anyValueRefsOf(rexpr, this.walk.literals))
  }

  private addEqual(left: unknown, right: unknown): void {
    const leftRow = asNode(left, 'RowExpr')
    const rightRow = asNode(right, 'RowExpr')
    if (leftRow !== null && rightRow !== null) {
      const others = listOf(rightRow.args)
      const sides = listOf(leftRow.args)
      if (sides.length === others.length)
        for (const [index, side] of sides.entries()) this.addEqual(side, others[index])
      return
    }
    if (asNode(left, 'ColumnRef') === null) this.addValues(right, allValueRefsOf([left], this.walk.literals))
    else if (asNode(right, 'ColumnRef') === null)
      this.addValues(left, allValueRefsOf([right], this.walk.literals))
    else this.addPair(this.columnOf(left), this.columnOf(right))
  }

  private addIn(left: unknown, items: readonly unknown[]): void {
    const row = asNode(left, 'RowExpr')
    if (row === null) this.addValues(left, allValueRefsOf(items, this.walk.literals))
    listOf(row?.args).forEach((column, index) => {
      const values = items.map((item) => listOf(asNode(item, 'RowExpr')?.args)[index])
      this.addValues(column, allValueRefsOf(values, this.walk.literals))
    })
  }

  private addValues(node: unknown, values: Values | null): void {
    const column = this.columnOf(node)
    if (column !== null && values !== null) this.walk.draft.equalities.push({ ...column, values })
  }

  private addPair(left: BlockColumn | null, right: BlockColumn | null): void {
    if (left !== null && right !== null) this.walk.draft.columnPairs.push({ left, right })
  }

  private addUsing(left: unknown, right: unknown, name: unknown): void {
    const column = textOf(asNode(name, 'String')?.sval)
    if (column === null) return
    this.addPair(this.columnOfItem(left, column), this.columnOfItem(right, column))
  }

  /** The column of a FROM item that is one table; of a join the name alone does not say whose it is. */
  private columnOfItem(item: unknown, column: string): BlockColumn | null {
    const node = openNode(item)
    const fields = node?.type === 'RangeVar' ? node.fields : null
    if (fields === null || this.scope.block === null) return null
    const alias = isFields(fields.alias) ? textOf(fields.alias.aliasname) : textOf(fields.relname)
    return { block: this.scope.block, source: this.sourceNamed(alias), column }
  }

  private columnOf(node: unknown): BlockColumn | null {
    const reference = asNode(node, 'ColumnRef')
    if (reference === null || this.scope.block === null) return null
    const parts = listOf(reference.fields).map((part) => textOf(asNode(part, 'String')?.sval))
    const column = parts.at(-1)
    if (column === undefined || parts.includes(null) || column === null || parts.length > 2) return null
    const { block } = this.scope
    if (parts.length === 1) return { block, source: this.onlySource(), column }
    const source = this.sourceNamed(parts[0] ?? null)
    return source === null ? null : { block, source, column }
  }

  private get sources() {
    return this.walk.draft.blocks[this.scope.block ?? -1]?.sources ?? []
  }

  private onlySource(): number | null {
    return this.sources.length === 1 && !this.scope.nested ? 0 : null
  }

  /** Null where two have the name, or none: then the column is one of a block further out. */
  private sourceNamed(alias: string | null): number | null {
    const matches = this.sources.flatMap((source, index) => (source.alias === alias ? [index] : []))
    return matches.length === 1 ? (matches[0] ?? null) : null
  }
}

function isEquals(names: unknown): boolean {
  const { schema, name } = nameOf(names)
  return name === '=' && (schema === null || schema === 'pg_catalog')
}
