import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'

const POLL_MS = 10

/**
 * Ends every client's session on this node once it shows the row of `epoch`, those of the federation too:
 * whoever comes after that is judged by the row, and whoever came before is gone. By what is there and not
 * by when it began, since the clock of a server can go back. Resolves to how many sessions there were.
 *
 * The supervisor's own stay, which are a superuser's: nobody else can pass for one.
 *
 * Throws OPERATION_FAILED: the row does not come, a session does not end, or a prepared transaction is left
 * that could still be committed.
 */
export async function cutOffSessions(
  client: pg.Client,
  node: string,
  epoch: number,
  timeoutMs: number,
): Promise<number> {
  const deadline = performance.now() + timeoutMs
  await whenShown(client, node, epoch, timeoutMs)
  const ended = await terminate(client)
  while (await anyLeft(client, ended)) await again(deadline, `a session on ${node} does not end`)
  await refusePrepared(client, node)
  return ended.sessions.length
}

/** Resolves when this node shows the row of `epoch` or a later one. Throws OPERATION_FAILED. */
export async function whenShown(
  client: pg.Client,
  node: string,
  epoch: number,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await shows(client, epoch))) await again(deadline, `${node} has not replayed epoch ${epoch} yet`)
}

async function shows(client: pg.Client, epoch: number): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('pgherd.placement') is not null as there`,
  )
  if (rows[0]?.there !== true) return false
  const { rowCount } = await client.query('select from pgherd.placement where epoch >= $1', [epoch])
  return rowCount === 1
}

/** Of the herd's database, and of the federation, which reads it by plans of its own. */
const OURS = `(select oid from pg_database where datname in (current_database(), current_database() || '_herd'))`

const OTHERS = `datid in ${OURS} and backend_type = 'client backend' and pid <> pg_backend_pid()
  and not (application_name = 'pgherd supervisor'
    and usesysid in (select oid from pg_roles where rolsuper))`

/**
 * Sessions that are about to begin: until they are shown as sessions they have a lock on their database
 * (`InitPostgres`, src/backend/utils/init/postinit.c). What they begin with they may have been judged by
 * before the row was there. To be asked for before the sessions, so that none slips in between.
 */
const BEGINNING = `
  select distinct pid from pg_locks
  where locktype = 'object' and classid = 'pg_database'::regclass and objid in ${OURS}
    and mode = 'RowExclusiveLock' and pid <> pg_backend_pid()`

interface Ended {
  /** Their processes, with when they began. */
  readonly sessions: readonly string[]
  readonly beginning: readonly number[]
}

async function terminate(client: pg.Client): Promise<Ended> {
  const { rows: beginning } = await client.query<{ pid: number }>(
    `select pid, pg_terminate_backend(pid) from (${BEGINNING}) as b`,
  )
  const { rows: sessions } = await client.query<{ session: string }>(
    `select pid || ' ' || backend_start as session, pg_terminate_backend(pid) from pg_stat_activity where ${OTHERS}`,
  )
  return { sessions: sessions.map(({ session }) => session), beginning: beginning.map(({ pid }) => pid) }
}

async function anyLeft(client: pg.Client, { sessions, beginning }: Ended): Promise<boolean> {
  if (sessions.length === 0 && beginning.length === 0) return false
  const { rowCount } = await client.query(
    `select from (${BEGINNING}) as b where pid = any ($2)
     union all
     select from pg_stat_activity where pid || ' ' || backend_start = any ($1) or pid = any ($2)
     limit 1`,
    [sessions, beginning],
  )
  return rowCount !== 0
}

async function refusePrepared(client: pg.Client, node: string): Promise<void> {
  const { rows } = await client.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database() and not pg_is_in_recovery()',
  )
  if (rows.length === 0) return
  throw new HerdError(
    'OPERATION_FAILED',
    `On ${node} the prepared transaction ${JSON.stringify(rows[0]?.gid)} is left from before the change of placement.`,
    { hint: 'Commit it or roll it back, and try again.' },
  )
}

async function again(deadline: number, what: string): Promise<void> {
  if (performance.now() > deadline)
    throw new HerdError('OPERATION_FAILED', `The placement is not changed everywhere: ${what}.`)
  await sleep(POLL_MS)
}
