import type { PlacedTable } from '@pgherd/core/sharding'
import { estimatedRows } from './estimated-rows.js'
import { type PlacedHerd, quoteTable, sortedTables } from './placed-herd.js'

/** One table on one shard. */
export interface TableOnShard {
  readonly shard: string
  readonly table: string
  readonly kind: PlacedTable['kind']
  /** Null: the shard has no such table, or nothing is known of its rows. */
  readonly rows: number | null
  readonly bytes: number | null
}

/** Partitions count for the table they belong to. */
const SIZES = `
with parts as (
  select to_regclass($1)::oid as oid union
  select relid::oid from pg_partition_tree(to_regclass($1)) where isleaf)
select sum(pg_total_relation_size(oid))::text as bytes,
  case when bool_and(${estimatedRows('c')} is not null) filter (where relkind <> 'p') then
    sum(${estimatedRows('c')}) filter (where relkind <> 'p') end::text as rows
from parts join pg_class c using (oid)`

/** What a shard holds of each placed table. `exact`: the rows are counted. */
export async function tablesOn(
  { ask, placement }: PlacedHerd,
  shard: string,
  exact: boolean,
): Promise<TableOnShard[]> {
  const found: TableOnShard[] = []
  for (const [table, { kind }] of sortedTables(placement)) {
    const name = quoteTable(table)
    const [size] = await ask<{ bytes: string | null; rows: string | null }>(shard, SIZES, [name])
    const bytes = numberOf(size?.bytes)
    const counted =
      exact && bytes !== null
        ? (await ask<{ rows: string }>(shard, `select count(*) as rows from ${name}`))[0]
        : size
    found.push({ shard, table, kind, rows: numberOf(counted?.rows), bytes })
  }
  return found
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text)
}
