import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import {
  killAllProcesses,
  type RunningServer,
  type Server,
  signalServer,
  stopServer,
} from '../postgres/index.js'
import { findServerProcesses } from '../postgres/server-processes.js'
import { withAdminConnection } from './admin-connection.js'

/** How long open transactions may go on once nobody new is let in. */
const DRAIN_MS = 200
const DRAIN_POLL_MS = 10
const STOP_TIMEOUT_MS = 10_000

/** A shutdown waits for every standby that is connected, ten seconds for one that hangs. */
const STANDBYS_MS = 700

/**
 * Stops a primary so that nobody loses more than a connection: a checkpoint first, so that the one at
 * the end is short; then nobody new is let in (57P03) and idle sessions are let go, while open
 * transactions finish, for a bounded time; then it shuts down, which sends standbys all it has. A standby
 * that has not confirmed all of it soon is let go; whoever takes over is proven to have it afterwards.
 */
export async function drainPrimary(
  server: Server,
  running: RunningServer,
  superuserPassword: string,
): Promise<void> {
  const senders = await withAdminConnection(server.address, superuserPassword, 30_000, async (client) => {
    await client.query('checkpoint')
    signalServer(running, 'smart')
    await letGo(client)
    return sendersOf(client)
  }).catch(
    // It may have been draining already when an earlier supervisor died: then it lets nobody in.
    (): number[] => [],
  )
  const stopped = stopServer(server, running, 'fast', STOP_TIMEOUT_MS)
  const timer = setTimeout(() => endSenders(server, senders), STANDBYS_MS)
  await stopped
    // A sender that cannot even say goodbye, its standby taking no bytes: what it held back is on disk.
    .catch(() => killAllProcesses(server))
    .finally(() => clearTimeout(timer))
}

async function sendersOf(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>('select pid from pg_stat_replication')
  return rows.map(({ pid }) => pid)
}

function endSenders(server: Server, senders: readonly number[]): void {
  const { others } = findServerProcesses(server.dataDir)
  for (const pid of senders.filter((sender) => others.includes(sender))) process.kill(pid, 'SIGTERM')
}

async function letGo(client: pg.Client): Promise<void> {
  const deadline = performance.now() + DRAIN_MS
  while (performance.now() < deadline) {
    const { rows } = await client.query<{ pid: number; idle: boolean }>(SESSIONS_SQL)
    for (const { pid } of rows.filter(({ idle }) => idle))
      await client.query({ name: 'release', text: RELEASE_SQL, values: [pid] })
    if (rows.every(({ idle }) => idle)) return
    await sleep(DRAIN_POLL_MS)
  }
}

const SESSIONS_SQL = `
select pid, state = 'idle' as idle
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name <> 'pgherd supervisor'`

/**
 * Looks again at the very moment, and each session in a statement of its own: one that has just been given
 * a write would be ended while that waits for a standby, and its client could not know what became of it.
 */
const RELEASE_SQL = `select pg_terminate_backend(pid) from pg_stat_get_activity($1) where state = 'idle'`
