import type { InsertFacts } from '../../sql/index.js'
import type { KeyGraph } from './key-graph.js'
import type { KeyColumn } from './sharded-tables.js'
import type { SpreadSource } from './spread-sources.js'

/** Whether an INSERT takes a part of the shard key from a column of what is merged. */
export function takesMergedKey({ columns, selected }: InsertFacts, { table }: SpreadSource): boolean {
  const places = table.key.map(({ column }) => (columns ?? table.columns).indexOf(column))
  return places.some((place) => {
    const value = selected?.[place]
    return value !== null && value !== undefined && !('kind' in value)
  })
}

/**
 * Whether the rows that a MERGE inserts belong on the shard of the row each is made of: it is joined by the key to
 * the target, and its key is inserted as it is. A value that goes into a varchar may be another one there.
 */
export function belongsWithMerged(
  { columns, selected }: InsertFacts,
  target: SpreadSource,
  sources: readonly SpreadSource[],
  graph: KeyGraph,
): boolean {
  const merged = sources.find(({ block, source }) => block === target.block && source === 1)
  if (merged === undefined || columns === null || !graph.follows(target, merged)) return false
  return target.table.key.every(({ column, type }, index) => {
    const value = selected?.[columns.indexOf(column)]
    if (value === null || value === undefined || 'kind' in value || type === 'varchar') return false
    return value.source === 1 && value.column === (merged.table.key[index] as KeyColumn).column
  })
}
