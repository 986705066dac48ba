import pc from 'picocolors'
import type { PlacedHerd } from '../shards/placed-herd.js'
import { type TableOnShard, tablesOn } from '../shards/tables-on-shard.js'
import { alignColumns } from '../view/columns.js'
import { formatBytes } from '../view/format-quantity.js'
import { type LocationOptions, locateHerd } from './herd-location.js'
import { askPlacedHerd } from './placed-herd.js'

export interface StatsFlags extends LocationOptions {
  exact?: boolean
  json?: boolean
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
