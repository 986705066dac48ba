import type { Fields } from './parser.js'
import type { BlockPlace } from './statement-facts.js'
import { listOf, openNode } from './tree.js'

/** Where a node stands: which CTE names are in sight, and in which block. */
export interface Scope {
  readonly ctes: ReadonlySet<string>
  /** Null outside every block, as in the ORDER BY of a UNION. */
  readonly block: number | null
  /** An unqualified column may belong to a block further out. */
  readonly nested: boolean
  /** The blocks further out whose columns may be named, innermost first; null where that is not followed. */
  readonly outer: readonly number[] | null
  /** In the FROM of its block, where only some of its sources are in sight. */
  readonly inFrom: boolean
  readonly place: BlockPlace
  /** Some rows only are taken of what stands here. */
  readonly limited: boolean
}

export const OUTERMOST: Scope = {
  ctes: new Set(),
  block: null,
  nested: false,
  outer: [],
  inFrom: false,
  place: 'top',
  limited: false,
}

/** What changes in sight of a query by standing inside this node. */
export function within(type: string, fields: Fields, scope: Scope): Scope {
  const { block, inFrom, outer } = scope
  if (type === 'SubLink' || type === 'JsonArrayQueryConstructor') {
    const around = block === null ? outer : [block, ...(outer ?? [])]
    return {
      ...scope,
      nested: true,
      outer: inFrom || outer === null ? null : around,
      place: 'expression',
      limited: false,
    }
  }
  const isLateral = fields.lateral === true
  const nested = scope.nested || isLateral
  const seen = isLateral ? null : outer
  if (type === 'RangeSubselect') return { ...scope, nested, outer: seen, place: 'from', limited: false }
  return isLateral ? { ...scope, nested, outer: seen } : scope
}

/** Whether a SELECT may leave open which of its rows it gives. */
export function isLimited(fields: Fields): boolean {
  const { limitCount, limitOffset, distinctClause } = fields
  const isDistinctOn = listOf(distinctClause).some((each) => openNode(each) !== null)
  return limitCount !== undefined || limitOffset !== undefined || isDistinctOn
}
