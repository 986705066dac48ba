import { runSql, settle } from '../../servers.mjs'
import { compete, PGBOUNCER, tableOf } from '../field.mjs'
import { pgbenchTurn } from '../turn.mjs'

const CLIENTS = 16

/** Transactions of seven statements, five of which write, on the primary and confirmed by a standby. */
export const tpcbLike = {
  nodes: 3,
  async measure(given) {
    const { servers, seconds } = given
    // pgbench does so itself, but through whoever it is connected to.
    const tidy = async () => {
      await runSql(servers.primary, 'vacuum pgbench_branches')
      await runSql(servers.primary, 'vacuum pgbench_tellers')
      await runSql(servers.primary, 'truncate pgbench_history')
      await settle(servers)
    }
    const outcomes = await compete(
      given,
      { clients: CLIENTS, tidy },
      pgbenchTurn({ clients: CLIENTS, seconds, script: 'tpcb-like' }),
    )
    return [
      tableOf(outcomes, {
        title: `TPC-B-like transactions, simple protocol, ${CLIENTS} clients, zero-loss`,
        unit: '/s',
        figure: 'tps',
        limits: { [PGBOUNCER]: { atLeast: 0.95 } },
      }),
    ]
  },
}
