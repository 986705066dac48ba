import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerAddress } from '../postgres/index.js'
import { withAdminConnection } from '../replication/admin-connection.js'

/** By then everybody who listens to the supervisor sends nothing new there. */
const HEARD_MS = 250
/** What was begun before that gets so long to end. */
const PATIENCE_MS = 10_000
const POLL_MS = 50
const STATEMENT_TIMEOUT_MS = 2000

/**
 * Waits until everything has ended that clients began on a leaving node before they could know that it leaves.
 * What is begun later is begun by those who listen to nobody, and is waited for in vain.
 */
export async function whenUnused(address: ServerAddress, password: string): Promise<void> {
  await sleep(HEARD_MS)
  const ask = withAdminConnection(address, password, STATEMENT_TIMEOUT_MS, async (client) => {
    const { rows } = await client.query<{ now: string }>('select clock_timestamp()::text as now')
    const deadline = performance.now() + PATIENCE_MS
    while (performance.now() < deadline) {
      const { rowCount } = await client.query(
        `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
         and state <> 'idle' and xact_start < $1`,
        [rows[0]?.now],
      )
      if (rowCount === 0) return
      await sleep(POLL_MS)
    }
  })
  // A server that does not answer is used by nobody.
  await ask.catch(() => {})
}
