import { HerdError } from '@pgherd/core'
import { type Placement, type PlacementRow, packShardMap, readPlacement } from '@pgherd/core/sharding'
import type pg from 'pg'
import {
  type GroupNumbers,
  havePlacementObjects,
  placementObjects,
  refuseForeignSchema,
} from './placement-objects.js'

/** What one group has of the placement. */
export interface GroupPlacement {
  readonly group: string
  /** All objects of schema `pgherd` are there as they should be. */
  readonly hasObjects: boolean
  /** Null: there is none yet. */
  readonly placement: Placement | null
  /** Sessions from before this epoch are known to be gone. */
  readonly fencedEpoch: number
}

/** Reads it on the group's primary. Throws OPERATION_FAILED, NOT_SUPPORTED, SHARD_MAP_INVALID. */
export async function readGroupPlacement(
  client: pg.Client,
  group: string,
  numbers: GroupNumbers,
): Promise<GroupPlacement> {
  await refuseOtherEncoding(client, group)
  await refuseForeignSchema(client, group)
  const hasObjects = await havePlacementObjects(client, numbers)
  const row = await readRow(client)
  if (row === null) return { group, hasObjects, placement: null, fencedEpoch: 0 }
  const { thisGroup, ...placement } = readPlacement(row)
  if (thisGroup !== group)
    throw new HerdError('OPERATION_FAILED', `The database of group ${group} says that it is ${thisGroup}.`)
  return { group, hasObjects, placement, fencedEpoch: Number(row.fenced_epoch) }
}

async function readRow(client: pg.Client): Promise<(PlacementRow & { fenced_epoch: string }) | null> {
  const { rows: found } = await client.query<{ there: boolean }>(
    `select to_regclass('pgherd.placement') is not null as there`,
  )
  if (found[0]?.there !== true) return null
  const { rows } = await client.query<PlacementRow & { fenced_epoch: string }>(
    'select fenced_epoch, map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  return rows[0] ?? null
}

/** Text is hashed as UTF-8: in another encoding its rows would be looked for elsewhere. */
async function refuseOtherEncoding(client: pg.Client, group: string): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>('select getdatabaseencoding() as encoding')
  const encoding = rows[0]?.encoding
  if (encoding === 'UTF8') return
  throw new HerdError(
    'NOT_SUPPORTED',
    `The database of group ${group} is encoded in ${encoding}, and shards must be in UTF8.`,
  )
}

/**
 * Brings a group's row to a placement of the same or a later epoch, never back. What a first row has
 * needs no fence: before it nobody could enter.
 */
export async function writeGroupPlacement(
  client: pg.Client,
  placement: Placement,
  group: string,
  numbers: GroupNumbers,
): Promise<void> {
  const { head, stretches } = packShardMap(placement.map)
  const { tables, groups, home } = placement
  await client.query('begin')
  // Whatever the herd's settings say: a failover must not take it back.
  await client.query('set local synchronous_commit = on')
  if (!(await havePlacementObjects(client, numbers))) await client.query(placementObjects(numbers))
  await client.query(
    `insert into pgherd.placement as placed
       (epoch, fenced_epoch, map, stretches, tables, groups, home, this_group)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (only_row) do update set epoch = excluded.epoch, map = excluded.map,
       stretches = excluded.stretches, tables = excluded.tables, groups = excluded.groups, home = excluded.home
     where placed.epoch <= excluded.epoch`,
    [
      head.epoch,
      head.epoch === 1 ? 1 : 0,
      JSON.stringify(head),
      Buffer.from(stretches),
      JSON.stringify(tables),
      JSON.stringify(groups),
      home,
      group,
    ],
  )
  await client.query('commit')
}

/** Notes that nobody from before this epoch is left. Whether the row is still of this epoch. */
export async function noteFenced(client: pg.Client, epoch: number): Promise<boolean> {
  const { rowCount } = await client.query(
    'update pgherd.placement set fenced_epoch = $1 where epoch = $1 and fenced_epoch <= $1',
    [epoch],
  )
  return rowCount === 1
}
