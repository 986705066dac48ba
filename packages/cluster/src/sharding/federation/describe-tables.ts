import type { TableSpec } from '@pgherd/core/spec'
import type pg from 'pg'
import { type DescribedTable, nameOf, type Placement, type SkippedTable } from './description.js'
import { readTables } from './read-tables.js'

/** A table and where its rows are. */
export interface PlacedTable extends DescribedTable {
  readonly placement: Placement
}

export interface TableSources {
  /** Which tables are spread, by name with the schema in front; all others are home's. */
  readonly spread: Readonly<Record<string, TableSpec>>
  /** The tables of each shard, by its name. */
  readonly shards: ReadonlyMap<string, readonly DescribedTable[]>
  readonly home: readonly DescribedTable[]
}

/** Reads every table of the user's in the database of `client`. Ends the transaction it makes for that. */
export async function describeTables(client: pg.ClientBase): Promise<DescribedTable[]> {
  await client.query('begin isolation level repeatable read read only')
  try {
    await client.query(`set local search_path to ''`)
    return await readTables(client)
  } finally {
    await client.query('rollback')
  }
}

/** Says of each table of the herd where its rows are, or why it can be in no federation. */
export function placeTables({ spread, shards, home }: TableSources): {
  tables: PlacedTable[]
  skipped: SkippedTable[]
} {
  const found = Object.entries(spread).map(([name, placement]) => onShards(name, placement, shards))
  const atHome = home
    .filter((table) => spread[nameOf(table)] === undefined)
    .map((table) => checked(table, { kind: 'home' }))
  const all = [...found, ...atHome]
  return { tables: all.filter(isPlaced), skipped: all.filter(isSkipped) }
}

type Found = PlacedTable | SkippedTable

function isPlaced(found: Found): found is PlacedTable {
  return 'placement' in found
}

function isSkipped(found: Found): found is SkippedTable {
  return !isPlaced(found)
}

/** A foreign table has one list of columns for all shards; where they differ, reading it would mislead. */
function onShards(table: string, placement: TableSpec, shards: TableSources['shards']): Found {
  const each = [...shards].map(
    ([shard, tables]) => [shard, tables.find((one) => nameOf(one) === table)] as const,
  )
  const missing = each.find(([, described]) => described === undefined)
  if (missing !== undefined) return { table, reason: `it is not on shard "${missing[0]}"` }
  const [[first, described] = ['', undefined], ...others] = each
  const shape = JSON.stringify(described)
  const other = others.find(([, one]) => JSON.stringify(one) !== shape)
  if (other !== undefined)
    return { table, reason: `it is not the same on shards "${first}" and "${other[0]}"` }
  return described === undefined
    ? { table, reason: 'there are no shards' }
    : checked(described as DescribedTable, placement)
}

function checked(table: DescribedTable, placement: Placement): Found {
  const keyless =
    placement.kind === 'sharded' &&
    placement.key.find((key) => !table.columns.some((column) => column.name === key))
  const reason = keyless ? `its key "${keyless}" is no column of it` : table.obstacle
  return reason === null ? { ...table, placement } : { table: nameOf(table), reason }
}
