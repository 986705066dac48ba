import type { PlacedTable } from '@pgherd/core/sharding'
import pc from 'picocolors'
import { alignColumns } from '../view/columns.js'
import { formatBytes } from '../view/format-quantity.js'
import { type LocationOptions, locateHerd } from './herd-location.js'
import { askPlacedHerd, type PlacedHerd, quoteTable, sortedTables } from './placed-herd.js'

export interface StatsFlags extends LocationOptions {
  exact?: boolean
  json?: boolean
}

/** One table on one shard. */
interface TableOnShard {
  readonly shard: string
  readonly table: string
  readonly kind: PlacedTable['kind']
  /** Null: the shard has no such table, or it was never analysed. */
  readonly rows: number | null
  readonly bytes: number | null
}

/** How evenly a sharded table, or all of them together, fill the shards. */
interface Fill {
  /** Null: all sharded tables together. */
  readonly table: string | null
  readonly fullest: string
  /** The fullest shard's bytes, or rows of one table where all are known, over the mean. */
  readonly imbalance: number
}

/** Prints what each shard holds. Throws NOT_SUPPORTED, HERD_NOT_RUNNING, SQL_FAILED. */
export async function runShardStats(flags: StatsFlags): Promise<void> {
  const herd = await askPlacedHerd(await locateHerd(flags))
  const { shards, epoch } = herd.placement.map
  const perShard = await Promise.all(shards.map((shard) => tablesOn(herd, shard, flags.exact === true)))
  const tables = perShard.flat()
  const imbalance = fills(herd, tables)
  if (flags.json) console.log(JSON.stringify({ epoch, exact: flags.exact === true, tables, imbalance }))
  else console.log(render(tables, imbalance, flags.exact === true))
}

/** Partitions count for the table they belong to; what was never analysed is known by -1. */
const SIZES = `
with parts as (
  select to_regclass($1)::oid as oid union
  select relid::oid from pg_partition_tree(to_regclass($1)) where isleaf)
select sum(pg_total_relation_size(oid))::text as bytes,
  case when bool_and(reltuples >= 0) filter (where relkind <> 'p') then
    sum(reltuples) filter (where relkind <> 'p') end::text as rows
from parts join pg_class using (oid)`

async function tablesOn(
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

function fills({ placement }: PlacedHerd, tables: readonly TableOnShard[]): Fill[] {
  const { shards } = placement.map
  const sharded = tables.filter(({ kind }) => kind === 'sharded')
  const names = [...new Set(sharded.map(({ table }) => table))]
  const each = names.flatMap((table) =>
    fillOf(
      table,
      shards,
      sharded.filter((found) => found.table === table),
    ),
  )
  return names.length < 2 ? each : [...each, ...fillOf(null, shards, sharded)]
}

function fillOf(table: string | null, shards: readonly string[], found: readonly TableOnShard[]): Fill[] {
  const byRows = table !== null && found.every(({ rows }) => rows !== null)
  const amounts = shards.map((shard) =>
    found
      .filter((each) => each.shard === shard)
      .reduce((sum, { rows, bytes }) => sum + ((byRows ? rows : bytes) ?? 0), 0),
  )
  const total = amounts.reduce((sum, amount) => sum + amount, 0)
  if (total === 0) return []
  const most = Math.max(...amounts)
  return [
    { table, fullest: shards[amounts.indexOf(most)] as string, imbalance: most / (total / shards.length) },
  ]
}

function render(tables: readonly TableOnShard[], imbalance: readonly Fill[], exact: boolean): string {
  if (tables.length === 0) return 'No table is spread over shards: all are in the home group.'
  const head = ['SHARD', 'TABLE', exact ? 'ROWS' : '~ROWS', 'BYTES'].map((name) => pc.dim(name))
  const rows = tables.map(({ shard, table, kind, rows, bytes }) => [
    shard,
    kind === 'reference' ? `${table} (copy)` : table,
    bytes === null ? 'absent' : rows === null ? '?' : rows.toLocaleString('en-US'),
    bytes === null ? '' : formatBytes(bytes),
  ])
  const parts = [alignColumns([head, ...rows], [2, 3])]
  if (imbalance.length > 0)
    parts.push(
      imbalance
        .map(
          ({ table, fullest, imbalance: factor }) =>
            `${table ?? 'all together'}: ${fullest} is the fullest, ${factor.toFixed(3)} times the mean`,
        )
        .join('\n'),
    )
  if (!exact && tables.some(({ rows, bytes }) => rows === null && bytes !== null))
    parts.push(pc.dim('?: never analysed; count with --exact.'))
  return parts.join('\n\n')
}
