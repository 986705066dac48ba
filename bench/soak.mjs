// Whether the proxy's memory is flat over millions of statements of all kinds: a read with its values written
// into it, transactions, and prepared statements, in turn. A first part fills caches and is not counted.
import { residentKilobytes } from './cpu-time.mjs'
import { median, report } from './figures.mjs'
import { startPgherdProxy } from './peers/pgherd-proxy.mjs'
import { runPgbench } from './proxy/pgbench.mjs'
import { openTables } from './proxy/tables.mjs'
import { makeScratch } from './scratch.mjs'

const MILLIONS = Number(process.argv[2] ?? 10)
if (!(MILLIONS > 0 && MILLIONS <= 1000)) {
  console.error('How many millions of statements must be above 0 and at most 1000.')
  process.exit(2)
}
const CLIENTS = 32
const TURN_SECONDS = 10
const KINDS = [
  { script: 'select-only', protocol: 'simple', statements: 1 },
  { script: 'select-only', protocol: 'prepared', statements: 1 },
  { script: 'select-only', protocol: 'extended', statements: 1 },
  { script: 'tpcb-like', protocol: 'simple', statements: 7 },
]
/** Of all statements, what comes before the first look. */
const WARM_UP = 0.15
/** Caches are bounded by what they hold, and a collector gives back late: more than this is a leak. */
const MOST_GROWTH_MB = 32

const scratch = makeScratch()
let servers = null
let proxy = null
const stop = async () => {
  await proxy?.stop()
  await servers?.stop()
  scratch.remove()
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => stop().finally(() => process.exit(130)))
servers = await openTables(scratch, 3)
proxy = await startPgherdProxy({ dir: scratch.dir, ...servers }, { clients: CLIENTS + 4 })

const looks = []
let statements = 0
for (let turn = 0; statements < MILLIONS * 1e6; turn++) {
  const { statements: each, ...kind } = KINDS[turn % KINDS.length]
  const { transactions } = await runPgbench(proxy.url, {
    ...kind,
    clients: CLIENTS,
    seconds: TURN_SECONDS,
    connectSeconds: 0.5,
  })
  statements += transactions * each
  const megabytes = residentKilobytes(proxy.pid) / 1024
  if (turn % KINDS.length === KINDS.length - 1) {
    looks.push({ statements, megabytes })
    console.error(`${(statements / 1e6).toFixed(1)} million statements: ${Math.round(megabytes)} MB`)
  }
}
await stop()

const counted = looks.filter((look) => look.statements >= WARM_UP * MILLIONS * 1e6)
const met = report('soak', [
  { what: 'statements', value: statements / 1e6, unit: 'million' },
  { what: 'resident memory after the warm-up', value: counted[0].megabytes, unit: 'MB' },
  { what: 'most since', value: Math.max(...counted.map(({ megabytes }) => megabytes)), unit: 'MB' },
  {
    what: 'growth from the first half to the second, medians',
    value: middle(counted.slice(counted.length / 2)) - middle(counted.slice(0, counted.length / 2)),
    limit: MOST_GROWTH_MB,
    unit: 'MB',
  },
])
process.exitCode = met ? 0 : 1

function middle(some) {
  return median(some.map(({ megabytes }) => megabytes))
}
