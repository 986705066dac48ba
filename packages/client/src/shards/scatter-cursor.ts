import { countRows, rowOrder } from '@pgherd/core/sql'
import type pg from 'pg'
import type { OwnedClient } from '../owned-client.js'
import { named, sayShard } from './herd-answers.js'
import { columnsOf } from './row-maker.js'
import { type RowReader, ScatterPortal } from './scatter-portal.js'
import { givenValues, type ScatterRoute, textOf } from './scatter-runs.js'
import { type RowListener, ShardRows } from './shard-rows.js'

export interface CursorSource {
  /** A client of that group's primary for one caller; `holds`: who has some of other groups already. */
  connect(group: string, holds: boolean): Promise<OwnedClient & pg.PoolClient>
  /** Given when all of it is thrown away. */
  readonly thrownAway: AbortSignal
  /** Given when its user does not end it. */
  readonly released: AbortSignal
}

/**
 * Lets a reader have the rows of several shards as they come, from connections held for that; resolves when it has
 * done with them. `failed`: it has been told why. `not here`: they cannot be put together here, and it has heard
 * nothing yet. Throws what has failed before it has.
 */
export async function runScatterCursor(
  reader: RowReader,
  route: ScatterRoute,
  values: readonly unknown[],
  source: CursorSource,
): Promise<'read' | 'failed' | 'not here'> {
  const { gather } = route.read
  if (gather.kind !== 'rows') return 'not here'
  const counted = countRows(gather, (parameter) => textOf(values[parameter - 1]))
  if (counted === null) return 'not here'
  const given = givenValues(route.read, counted, values)
  const shards: ShardRows[] = []
  let portal: ScatterPortal | null = null
  const fail = (reason: unknown): void => portal?.failed(reason as Error)
  const throwAway = (): void => {
    for (const shard of shards) shard.destroy()
    fail(source.thrownAway.reason)
  }
  const giveUp = (): void => fail(source.released.reason)
  source.thrownAway.addEventListener('abort', throwAway, { once: true })
  source.released.addEventListener('abort', giveUp, { once: true })
  try {
    for (const [at, group] of route.groups.entries()) {
      const client = await source.connect(group, at > 0).catch(sayShard(group))
      const listener: RowListener = {
        rows: (rows, isLast) => portal?.rows(at, rows, isLast),
        failed: (error) => fail(named(error, group)),
      }
      shards.push(new ShardRows(client, route.read.partial.text, given, listener))
      source.thrownAway.throwIfAborted()
    }
    const [fields = []] = await Promise.all(
      shards.map((shard, at) => shard.open().catch(sayShard(route.groups[at] as string))),
    )
    const order = rowOrder(gather, columnsOf(fields), route.rowText)
    if (order === null) return 'not here'
    const shown = fields.slice(0, fields.length - gather.hidden)
    portal = new ScatterPortal(reader, shown, shards, order === 'any' ? null : order, counted)
    portal.start()
    await portal.ended
  } finally {
    source.thrownAway.removeEventListener('abort', throwAway)
    source.released.removeEventListener('abort', giveUp)
    await Promise.all(shards.map((shard) => shard.close()))
  }
  return portal.finish() ? 'read' : 'failed'
}
