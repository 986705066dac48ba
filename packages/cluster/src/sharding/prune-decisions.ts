import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import type { OnPrimary } from './resolve-prepared.js'

export interface Pruning {
  /** By each group, the standbys of its primary. */
  readonly standbys: ReadonlyMap<string, readonly string[]>
  /** Younger decisions are kept whatever is known of them. */
  readonly olderThanMs: number
  /** How long standbys may take to have what their primary has. */
  readonly standbyPatienceMs: number
}

const POLL_MS = 100
/** As many as one round takes from a group. */
const MOST = 100_000
/** What a clock may have been set back by while a transaction was open. */
const CLOCK_SLACK = `interval '1 minute'`

/**
 * Forgets decisions of transactions over several groups that nobody can ask for any more, and resolves to
 * how many those were. Throws OPERATION_FAILED where a standby is behind or away, and what a group that cannot
 * be asked throws, having forgotten nothing.
 *
 * Why it is safe, at whatever step anybody crashes. Who asks for a decision holds a prepared part of it
 * (`resolvePrepared`), or is its coordinator, who decides by writing it. So a decision may go when
 *
 * 1. its coordinator is done with it. It committed: then it is there because the coordinator has decided, and
 *    every part was prepared before that, so none comes later. It did not: then it was written by one who found
 *    a part that nobody ended, and the coordinator's own transaction on the group that decides is from before
 *    that. No transaction that old is open there any more, so the coordinator cannot write it as committed.
 * 2. afterwards no group has a part of it prepared. A part that is ended does not come back, unless
 * 3. a standby takes over that does not have its end. All of them are there, and have flushed what their
 *    primary had when it was asked.
 *
 * One who listed a part before it was ended, and asks after its decision is gone, finds nothing to end.
 * It may write again that there will be none, which then is pruned as any other. A crash between the steps
 * leaves all or fewer decisions, each of which could go by itself.
 */
export async function pruneDecisions(
  onPrimary: OnPrimary,
  { standbys, olderThanMs, standbyPatienceMs }: Pruning,
): Promise<number> {
  const over = new Map<string, string[]>()
  for (const group of standbys.keys())
    over.set(group, await onPrimary(group, (client) => findOver(client, olderThanMs)))
  if ([...over.values()].every((ids) => ids.length === 0)) return 0
  const prepared = new Set<string>()
  for (const [group, nodes] of standbys) {
    const names = await onPrimary(group, (client) => findPrepared(client, nodes, standbyPatienceMs))
    for (const name of names) prepared.add(name)
  }
  let pruned = 0
  for (const [group, ids] of over) {
    const gone = ids.filter((id) => !prepared.has(`pgherd:${group}:${id}`))
    if (gone.length > 0) pruned += await onPrimary(group, (client) => forget(client, gone))
  }
  return pruned
}

/** Decisions whose coordinators are done with them. */
async function findOver(client: pg.Client, olderThanMs: number): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from pgherd.decision
      where at < clock_timestamp() - $1 * interval '1 millisecond'
        and (committed or at + ${CLOCK_SLACK} < (select coalesce(min(xact_start), 'infinity')
          from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()))
      limit ${MOST}`,
    [olderThanMs],
  )
  return rows.map(({ id }) => id)
}

/** The names of what is prepared here, once all standbys have what the primary had then. */
async function findPrepared(
  client: pg.Client,
  standbys: readonly string[],
  patienceMs: number,
): Promise<string[]> {
  const { rows } = await client.query<{ names: string[]; lsn: string }>(
    `select array(select gid from pg_prepared_xacts where database = current_database()) as names,
       pg_current_wal_insert_lsn() as lsn`,
  )
  const [{ names, lsn }] = rows as [{ names: string[]; lsn: string }]
  const deadline = performance.now() + patienceMs
  for (;;) {
    const behind = await findBehind(client, standbys, lsn)
    if (behind.length === 0) return names
    if (performance.now() > deadline)
      throw new HerdError(
        'OPERATION_FAILED',
        `Decisions are kept: ${behind.join(', ')} has not flushed what its primary has.`,
      )
    await sleep(POLL_MS)
  }
}

async function findBehind(client: pg.Client, standbys: readonly string[], lsn: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select application_name as name from pg_stat_replication where flush_lsn >= $1',
    [lsn],
  )
  return standbys.filter((name) => !rows.some((row) => row.name === name))
}

async function forget(client: pg.Client, ids: readonly string[]): Promise<number> {
  const { rowCount } = await client.query('delete from pgherd.decision where id = any ($1)', [ids])
  return rowCount ?? 0
}
