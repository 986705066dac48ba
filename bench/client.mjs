// The client against its peers, all in one run: what each case measures is said in client/cases/.
import { besideSlow } from './client/cases/beside-slow.mjs'
import { latency } from './client/cases/latency.mjs'
import { mix } from './client/cases/mix.mjs'
import { reads } from './client/cases/reads.mjs'
import { routing } from './client/cases/routing.mjs'
import { transactions } from './client/cases/transactions.mjs'
import { SCHEMA } from './client/statements.mjs'
import { conduct } from './conduct.mjs'
import { chooseOptions } from './options.mjs'
import { openServers, runSql } from './servers.mjs'

// Those that only read first: a table that was written to is another table.
const CASES = { routing, reads, latency, 'beside-slow': besideSlow, transactions, mix }

await conduct({
  name: 'client',
  cases: CASES,
  options: chooseOptions(process.argv.slice(2), Object.keys(CASES)),
  openServers: (scratch, nodeCount) =>
    openServers(scratch, {
      name: `bench-client-${nodeCount}`,
      nodeCount,
      settings: 'max_connections: 300, shared_buffers: 256MB',
      load: async (primary) => {
        await runSql(primary, SCHEMA)
        await runSql(primary, 'vacuum (analyze) t, guarded')
      },
    }),
})
