import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type RunningServer, type Server, signalServer, stopServer } from '../postgres/index.js'
import { withAdminConnection } from './admin-connection.js'

/** How long open transactions may go on once nobody new is let in. */
const DRAIN_MS = 200
const DRAIN_POLL_MS = 10
const STOP_TIMEOUT_MS = 10_000

/**
 * Stops a primary so that nobody loses more than a connection: a checkpoint first, so that the one at
 * the end is short; then nobody new is let in (57P03) and idle sessions are let go, while open
 * transactions finish, for a bounded time; then it shuts down, which sends standbys all it has.
 */
export async function drainPrimary(
  server: Server,
  running: RunningServer,
  superuserPassword: string,
): Promise<void> {
  await withAdminConnection(server.address, superuserPassword, 30_000, async (client) => {
    await client.query('checkpoint')
    signalServer(running, 'smart')
    await letGo(client)
  }).catch(() => {
    // It may have been draining already when an earlier supervisor died: then it lets nobody in.
  })
  await stopServer(server, running, 'fast', STOP_TIMEOUT_MS)
}

async function letGo(client: pg.Client): Promise<void> {
  const deadline = performance.now() + DRAIN_MS
  while (performance.now() < deadline) {
    const { rows } = await client.query<{ busy: number }>(RELEASE_IDLE_SQL)
    if (rows[0]?.busy === 0) return
    await sleep(DRAIN_POLL_MS)
  }
}

/** Ends idle sessions and counts those that are in a transaction. */
const RELEASE_IDLE_SQL = `
select count(*) filter (where state <> 'idle')::int as busy,
  count(pg_terminate_backend(pid)) filter (where state = 'idle') as released
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name <> 'pgherd supervisor'`
