import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'

const POLL_MS = 10

/**
 * Completes a transaction on a primary, and resolves to the LSN from which on its standbys show what was
 * committed before.
 *
 * Having replayed a commit is not enough for that. A commit that waits for its standby still counts as running.
 * A standby that begins with a record of running transactions from that moment, as one does that the commit
 * has waited for, takes those up to the last completed one for visible (`ProcArrayApplyRecoveryInfo`,
 * src/backend/storage/ipc/procarray.c), and shows this one when a later one has completed, or with the next such
 * record, 15 s later. And a session that looked meanwhile has noted that a table is not there, which no
 * invalidation will tell it otherwise: so nobody should look before.
 */
export async function completeTransaction(client: pg.Client): Promise<string> {
  // No standby needs to acknowledge it; it is only to be written.
  await client.query('set synchronous_commit = local')
  // With a record in it: the commit of one that has written none is not flushed at once.
  await client.query(`select pg_logical_emit_message(true, 'pgherd', '')`)
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn() as lsn')
  return (rows[0] as { lsn: string }).lsn
}

/** Resolves when a standby has replayed up to `lsn`. Throws OPERATION_FAILED. */
export async function whenReplayed(
  client: pg.Client,
  node: string,
  lsn: string,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const { rows } = await client.query<{ done: boolean }>(
      'select not pg_is_in_recovery() or pg_last_wal_replay_lsn() >= $1 as done',
      [lsn],
    )
    if (rows[0]?.done === true) return
    if (performance.now() > deadline)
      throw new HerdError('OPERATION_FAILED', `${node} has not replayed ${lsn} yet.`)
    await sleep(POLL_MS)
  }
}
