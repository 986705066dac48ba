// The wire proxy against its peers, all in one run: what each case measures is said in proxy/cases/.
import { conduct } from './conduct.mjs'
import { chooseOptions } from './options.mjs'
import { copying } from './proxy/cases/copying.mjs'
import { halfLoad } from './proxy/cases/half-load.mjs'
import { idleClients } from './proxy/cases/idle-clients.mjs'
import { oneClient } from './proxy/cases/one-client.mjs'
import { prepared } from './proxy/cases/prepared.mjs'
import { selectOnly } from './proxy/cases/select-only.mjs'
import { tpcbLike } from './proxy/cases/tpcb-like.mjs'
import { openTables } from './proxy/tables.mjs'

// Those that only read first: a table that was written to is another table.
const CASES = {
  'select-only': selectOnly,
  prepared,
  'half-load': halfLoad,
  'one-client': oneClient,
  'idle-clients': idleClients,
  copying,
  'tpcb-like': tpcbLike,
}

await conduct({
  name: 'proxy',
  cases: CASES,
  options: chooseOptions(process.argv.slice(2), Object.keys(CASES), {
    'copy-mb': { default: 200, most: 4000 },
  }),
  openServers: openTables,
})
