import type { StatementFacts } from '../../sql/index.js'
import type { Calls } from './judge-calls.js'
import type { SpreadSource } from './spread-sources.js'

/**
 * Why a write to a reference table might make its copies differ; null when it does the same to each. It
 * may only depend on the table's own rows and on values in the statement: in which order rows are found is
 * not the same on two servers, nor is the time, nor is chance.
 */
export function whyCopiesDiffer(
  facts: StatementFacts,
  target: SpreadSource,
  touched: readonly SpreadSource[],
  calls: Calls,
): string | null {
  if (facts.statements > 1) return 'the text has several statements'
  if (facts.command === 'EXPLAIN') return 'EXPLAIN is asked of one server'
  if (touched.length > 1) return 'it depends on more tables than the one it changes'
  if (calls === 'unknown') return 'it runs code that may do anything'
  if (calls !== 'immutable') return 'it calls functions that give another value on each server'
  const [word] = facts.serverWords
  if (word !== undefined) return `${word} is another on each server`
  const block = facts.blocks[target.block]
  if (target.writes === 'MERGE') return 'MERGE may meet rows in any order'
  if (target.writes === 'UPDATE' && (block?.sources.length ?? 0) > 1)
    return 'UPDATE … FROM may take any of several rows that match'
  if (facts.blocks.some(({ limited }) => limited))
    return 'which rows a LIMIT leaves is not the same everywhere'
  return target.writes === 'INSERT' ? whyDefaultsDiffer(facts, target) : null
}

/** Columns whose default varies must be given, as plain values. */
function whyDefaultsDiffer(facts: StatementFacts, { block, table }: SpreadSource): string | null {
  const insert = facts.inserts.find((each) => each.block === block)
  const places = insert?.columns ?? table.columns
  const varying = table.varying.find((column) => {
    const place = places.indexOf(column)
    if (place < 0 || insert === undefined) return true
    if (insert.rows === null) return insert.columns === null
    return insert.rows.some((row) => (row[place] ?? null) === null)
  })
  return varying === undefined ? null : `each would make a value of its own for ${varying}`
}
