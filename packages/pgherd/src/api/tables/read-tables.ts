import type { TableView } from '@pgherd/core/api'
import type { PlacedTable } from '@pgherd/core/sharding'
import type { HerdAsker } from '../herd-asker.js'
import { TABLES_SQL, type TableRow } from './tables-sql.js'

const KINDS = {
  r: 'table',
  v: 'view',
  m: 'materialized view',
  p: 'partitioned table',
  f: 'foreign table',
} as const

/** Every table of the application's database; those that are spread, over all shards. */
export async function readTables(asker: HerdAsker, firstGroup: string): Promise<TableView[]> {
  const { placed } = asker
  if (placed === null) {
    const rows = await asker.ask<TableRow>(firstGroup, TABLES_SQL)
    return rows.map((row) => viewOf(row, undefined))
  }
  const { home, tables, map } = placed.placement
  const groups = [...new Set([home, ...map.shards])]
  const found = await Promise.all(groups.map((group) => asker.ask<TableRow>(group, TABLES_SQL)))
  const views = new Map<string, TableView>()
  for (const [at, rows] of found.entries()) {
    const isShard = map.shards.includes(groups[at] as string)
    for (const row of rows) {
      const name = `${row.schema}.${row.name}`
      const table = tables[name]
      if (table === undefined ? groups[at] !== home : !isShard) continue
      const known = views.get(name)
      const view = viewOf(row, table)
      views.set(name, known === undefined ? view : sumOf(known, view))
    }
  }
  return [...views.values()].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
}

function viewOf(row: TableRow, placed: PlacedTable | undefined): TableView {
  const { schema, name, kind, tree_rows, own_rows, bytes, columns, indexes } = row
  return {
    schema,
    name,
    kind: KINDS[kind],
    placement: placed?.kind ?? 'home',
    key: placed?.kind === 'sharded' ? [...placed.key] : [],
    rows: kind === 'p' ? tree_rows : kind === 'v' ? null : own_rows,
    bytes,
    columns,
    indexes,
  }
}

/** The same table on one shard more. A reference table has the same rows on each. */
function sumOf(known: TableView, more: TableView): TableView {
  const add = (one: number | null, other: number | null): number | null =>
    one === null || other === null ? null : one + other
  const isCopy = known.placement === 'reference'
  return {
    ...known,
    rows: isCopy ? (known.rows ?? more.rows) : add(known.rows, more.rows),
    bytes: add(known.bytes, more.bytes),
    indexes: known.indexes.map((index) => {
      const other = more.indexes.find(({ name }) => name === index.name)
      return { ...index, bytes: add(index.bytes, other?.bytes ?? 0) }
    }),
  }
}

function nameOf({ schema, name }: TableView): string {
  return `${schema}.${name}`
}
