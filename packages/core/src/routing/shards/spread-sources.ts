import type { BlockPlace, QueryBlock, StatementFacts } from '../../sql/index.js'
import type { ShardedTable, ShardedTables } from './sharded-tables.js'

/** A source of a block that is a table which is spread. */
export interface SpreadSource {
  readonly block: number
  readonly source: number
  readonly table: ShardedTable
  /** Its columns are renamed, so that no condition tells of its key. */
  readonly renamed: boolean
  readonly nullable: boolean
  readonly place: BlockPlace
  /** What the block writes here; null for what is only read. */
  readonly writes: QueryBlock['command'] | null
}

/** What a statement touches. */
export interface Touched {
  readonly sources: readonly SpreadSource[]
  /** Names a table of the home group. */
  readonly home: boolean
  /** A name that is listed in several schemas, or that is used where it is no source of a query. */
  readonly unclear: { readonly name: string; readonly why: 'several' | 'elsewhere' } | null
}

/** Finds every use of a table; each must be a source of a block, whose conditions are known. */
export function touchedBy(facts: StatementFacts, tables: ShardedTables): Touched {
  const sources = facts.blocks.flatMap((block, index) => spreadSourcesOf(block, index, tables))
  let home = false
  let unclear: Touched['unclear'] = null
  for (const { schema, name, access, uses } of facts.tables) {
    const table = tables.find({ schema, name })
    if (table === null) home = true
    else if (table === 'several') unclear ??= { name, why: 'several' }
    else {
      const seen = facts.blocks.flatMap(({ command, sources }) =>
        sources.filter(
          ({ relation }, source) =>
            relation?.name === name &&
            relation.schema === schema &&
            (command !== 'SELECT' && source === 0 ? 'write' : 'read') === access,
        ),
      )
      if (seen.length !== uses) unclear ??= { name, why: 'elsewhere' }
    }
  }
  for (const mention of facts.mentions)
    if (tables.find(mention) !== null) unclear ??= { name: mention.name, why: 'elsewhere' }
  return { sources, home, unclear }
}

function spreadSourcesOf(block: QueryBlock, index: number, tables: ShardedTables): SpreadSource[] {
  return block.sources.flatMap(({ relation, table: named, nullable }, source) => {
    const table = relation === null ? null : tables.find(relation)
    if (table === null || table === 'several') return []
    const writes = block.command !== 'SELECT' && source === 0 ? block.command : null
    return [{ block: index, source, table, renamed: named === null, nullable, place: block.place, writes }]
  })
}
