import { openServers, runSql } from '../servers.mjs'
import { initialise } from './pgbench.mjs'

/** A branch for each client of the transactions, so that they seldom wait for each other's row. */
const SCALE = 16

/**
 * Servers with pgbench's tables. No checkpoint falls into a turn: there is room for all that is written, and
 * cases that write ask for one before each turn.
 */
export function openTables(scratch, nodeCount) {
  return openServers(scratch, {
    name: 'bench-proxy',
    nodeCount,
    settings:
      'max_connections: 1000, shared_buffers: 1GB, max_wal_size: 16GB, checkpoint_timeout: 1h, wal_keep_size: 1GB',
    load: async (primary) => {
      await initialise(primary, SCALE)
      await runSql(
        primary,
        'vacuum (freeze, analyze) pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history',
      )
    },
  })
}
