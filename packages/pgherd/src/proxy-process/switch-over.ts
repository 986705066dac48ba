import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import type { ProxyKeeper } from './proxy-keeper.js'

/** How long clients of the proxy may take to end what they have begun, before it is begun without them. */
const DRAIN_MS = 2000
/** The proxy goes on by itself after so long, should this process die half-way. */
const LEASE_MS = 15_000
const CHECKPOINT_MS = 30_000

/**
 * Hands primaryship over while the proxy keeps new work waiting, so that none of its clients sees an error.
 * Throws as `Herd.switchover` does.
 */
export async function switchOver(
  herd: Herd,
  keeper: ProxyKeeper | null,
  group: string,
  to: string | null,
): Promise<void> {
  const control = group === herd.spec.groups[0]?.name ? (keeper?.control ?? null) : null
  if (control === null) {
    await herd.switchover(group, { to })
    return
  }
  await checkpoint(herd)
  // A proxy that does not answer holds up no switchover.
  await control.hold(DRAIN_MS, LEASE_MS).catch(() => false)
  try {
    await herd.switchover(group, { to })
  } finally {
    await control.release().catch(() => {})
  }
}

/** Most of what the primary writes before it stops is written while clients are still served. */
async function checkpoint(herd: Herd): Promise<void> {
  const primary = herd.primaryOf()
  if (primary === null) return
  const client = new pg.Client({
    connectionString: herd.dsn(primary.name, 'superuser'),
    connectionTimeoutMillis: 2000,
    query_timeout: CHECKPOINT_MS,
    application_name: 'pgherd supervisor',
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('checkpoint')
  } catch {
    // The switchover says what is wrong with the primary.
  } finally {
    await client.end().catch(() => {})
  }
}
