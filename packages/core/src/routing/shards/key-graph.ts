import { familyOf, type KeyFamily } from '../../sharding/key-type.js'
import type { BlockColumn, SourceRange, StatementFacts, ValueRef } from '../../sql/index.js'
import type { SpreadSource } from './spread-sources.js'

/** Values of which a key column has one. */
export type ValueSet = readonly ValueRef[]

/** A column of the shard key of one source. */
interface KeyNode {
  readonly source: SpreadSource
  readonly family: KeyFamily
  readonly equal: Edge[]
  readonly values: { readonly set: ValueSet; readonly of: SourceRange | null }[]
}

interface Edge {
  readonly to: KeyNode
  /** For the rows of these sources only; null for every row of the block. */
  readonly of: SourceRange | null
}

/** For whose rows something is asked: those of one source, or those that the whole block makes. */
interface Viewpoint {
  readonly block: number
  readonly source: number | null
}

/**
 * Which key columns are equal to which, and to which values, as far as the statement's own conditions say.
 *
 * Columns that are no shard keys take no part: their types are not known, and equality is transitive only
 * within one family of types. (An `int8` beyond 2^53 equals several `float8`.) A correlation leads from the
 * inner block to the outer only: for each row of the outer one the inner is asked anew, with its value.
 */
export class KeyGraph {
  readonly #nodes = new Map<SpreadSource, readonly KeyNode[]>()

  constructor(facts: StatementFacts, sources: readonly SpreadSource[]) {
    for (const source of sources) {
      const nodes = source.table.key.map(
        ({ type }): KeyNode => ({ source, family: familyOf(type), equal: [], values: [] }),
      )
      this.#nodes.set(source, nodes)
    }
    for (const equality of facts.equalities) this.#addValues(equality, equality.values, null)
    for (const { of, condition } of facts.outerEqualities) this.#addValues(condition, condition.values, of)
    for (const { left, right } of facts.columnPairs) this.#addPair(left, right, null)
    for (const { of, condition } of facts.outerPairs) this.#addPair(condition.left, condition.right, of)
    for (const { inner, outer } of facts.correlations) this.#addEdges(inner, outer, null)
  }

  /** For each column of its key the sets of values known of it, where its rows are of any consequence. */
  valuesOf(source: SpreadSource): ValueSet[][] {
    return this.#nodesOf(source).map((node) => this.#valuesSeen([node], source))
  }

  /** The same of one column, for every row that the block makes. */
  valuesOfColumn(column: BlockColumn): ValueSet[] {
    return this.#valuesSeen(this.#resolve(column), { block: column.block, source: null })
  }

  /** Whether rows of `source` that are of any consequence have the key of the row of `anchor` they go with. */
  follows(source: SpreadSource, anchor: SpreadSource): boolean {
    const keys = this.#nodesOf(source)
    const anchors = this.#nodesOf(anchor)
    return (
      keys.length === anchors.length &&
      keys.every((key, index) => this.#equalTo([key], source).has(anchors[index] as KeyNode))
    )
  }

  #valuesSeen(start: readonly KeyNode[], from: Viewpoint): ValueSet[] {
    const seen = [...this.#equalTo(start, from)].flatMap((node) =>
      node.values.flatMap(({ set, of }) => (holds(of, node, from, start) ? [set] : [])),
    )
    return [...new Map(seen.map((set) => [JSON.stringify(set), set])).values()]
  }

  #equalTo(start: readonly KeyNode[], from: Viewpoint): Set<KeyNode> {
    const reached = new Set(start)
    for (const node of reached)
      for (const { to, of } of node.equal) if (holds(of, node, from, start)) reached.add(to)
    return reached
  }

  #addValues(column: BlockColumn, values: ValueSet, of: SourceRange | null): void {
    for (const node of this.#resolve(column))
      if (values.every(({ type }) => type === null || isOfFamily(type, node.family)))
        node.values.push({ set: values, of })
  }

  #addPair(left: BlockColumn, right: BlockColumn, of: SourceRange | null): void {
    this.#addEdges(left, right, of)
    this.#addEdges(right, left, of)
  }

  #addEdges(from: BlockColumn, to: BlockColumn, of: SourceRange | null): void {
    for (const one of this.#resolve(from))
      for (const other of this.#resolve(to))
        if (one !== other && one.family === other.family) one.equal.push({ to: other, of })
  }

  /**
   * The key columns that a column is. A bare name is that of every source with such a key column: where
   * there are several, they are merged by an inner join, or PostgreSQL calls the name ambiguous.
   */
  #resolve({ block, source, column }: BlockColumn): KeyNode[] {
    const found: KeyNode[] = []
    for (const [each, nodes] of this.#nodes) {
      if (each.block !== block || each.renamed || (source !== null && source !== each.source)) continue
      const index = each.table.key.findIndex((key) => key.column === column)
      if (index >= 0) found.push(nodes[index] as KeyNode)
    }
    return found
  }

  #nodesOf(source: SpreadSource): readonly KeyNode[] {
    return this.#nodes.get(source) ?? []
  }
}

/**
 * Whether what holds for the rows of some sources holds here: the rows asked for are of one of them, or
 * are compared with one that is, which then is not NULL.
 */
function holds(of: SourceRange | null, node: KeyNode, from: Viewpoint, start: readonly KeyNode[]): boolean {
  if (of === null) return true
  const { block, source } = node.source
  if (from.source === null) return isIn(of, source) && !start.includes(node)
  return isIn(of, source) || (block === from.block && isIn(of, from.source))
}

function isIn({ first, end }: SourceRange, source: number): boolean {
  return source >= first && source < end
}

const TYPES_OF: Record<KeyFamily, readonly string[]> = {
  integer: ['int2', 'int4', 'int8'],
  text: ['text', 'varchar'],
  uuid: ['uuid'],
}

/** Whether a cast to this type leaves a value of the family what it is. */
export function isOfFamily(type: string, family: KeyFamily): boolean {
  return TYPES_OF[family].includes(type)
}
