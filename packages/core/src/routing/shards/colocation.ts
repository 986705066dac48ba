import type { StatementFacts } from '../../sql/index.js'
import type { KeyGraph } from './key-graph.js'
import type { SpreadSource } from './spread-sources.js'

/**
 * Whether each row of the statement's one query is made within one shard, and is there only once, without
 * a key being known: all of its sharded tables, and those of subqueries asked for each row, have the key of
 * one that no outer join makes NULLs of. Not said of a query with a sharded table behind a CTE, a UNION or
 * a subquery in FROM.
 */
export function isColocated(
  facts: StatementFacts,
  sharded: readonly SpreadSource[],
  graph: KeyGraph,
): boolean {
  if (facts.statements > 1 || facts.blocks.some(({ place }) => place === 'arm' || place === 'insert'))
    return false
  const top = sharded.filter(({ place }) => place === 'top')
  return top.some(
    (anchor) =>
      !anchor.nullable &&
      !anchor.renamed &&
      sharded.every((source) => source === anchor || isBeside(source, anchor, graph)) &&
      facts.blocks.every(
        ({ limited, place }, block) =>
          !limited || place === 'top' || sharded.some((source) => source.block === block),
      ),
  )
}

function isBeside(source: SpreadSource, anchor: SpreadSource, graph: KeyGraph): boolean {
  const isAsked = source.place === 'expression' || source.block === anchor.block
  return isAsked && !source.renamed && graph.follows(source, anchor)
}
