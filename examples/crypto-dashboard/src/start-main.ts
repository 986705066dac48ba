#!/usr/bin/env node
import { once } from 'node:events'
import { HerdError } from '@pgherd/core'
import { findRunning, startHerd, stopHerd, USUAL_STATE } from './herd/pgherd-herd.js'
import { forgetService, readService, recordService } from './herd/service-record.js'
import { openPool } from './open-pool.js'
import { readFlags, readUrl, readWholeNumber } from './read-flags.js'
import type { Start } from './replication/note-start.js'
import { runDashboard } from './run-dashboard.js'
import { runProgram, tell } from './run-program.js'

const HELP = `Collects prices each second, writes them to the primary and shows them from the standby.

  npm start -w examples/crypto-dashboard -- [options]

  --port N             where to listen, on 127.0.0.1 (8090)
  --source URL         prices from an API in CoinGecko's format, such as https://api.coingecko.com/api/v3;
                       by itself CRYPTO_SOURCE_URL, and without either a simulated market
  --seed N             of the simulated market (42)
  --history-minutes N  how long a past a simulated market gets when it begins (180)
  --keep-hours N       remove prices that are older; by itself everything is kept
  --state DIR          where the herd is, instead of .pgherd beside herd.yaml
  --help, -h           show this

Ctrl-C stops it, and the herd if this has started it; the data stays.
`

async function start(signal: AbortSignal): Promise<number> {
  const flags = readFlags(process.argv.slice(2), [
    'port',
    'source',
    'seed',
    'history-minutes',
    'keep-hours',
    'state',
  ])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  const options = {
    port: readWholeNumber('port', flags.port, { fallback: 8090, low: 0, high: 65_535 }),
    sourceUrl: readUrl('--source', flags.source ?? process.env.CRYPTO_SOURCE_URL),
    seed: readWholeNumber('seed', flags.seed, { fallback: 42, low: 0, high: 2 ** 31 }),
    historyMinutes: readWholeNumber('history-minutes', flags['history-minutes'], {
      fallback: 180,
      low: 0,
      high: 1440,
    }),
    keepHours: readWholeNumber('keep-hours', flags['keep-hours'], { fallback: null, low: 1, high: 87_600 }),
  }
  const stateDir = flags.state ?? USUAL_STATE
  await refuseSecond(stateDir)
  const running = await findRunning(stateDir)
  if (running === null) tell('starting the herd')
  try {
    const herd = running ?? (await startHerd(stateDir))
    const dsn = await herd.dsnOf(null)
    await using pool = openPool({ dsn, supervisor: herd.socket })
    pool.on('error', () => {})
    const dashboard = await runDashboard({ ...options, pool, herd, log: true, tell })
    try {
      await recordService(stateDir, dashboard.url)
      tell(describeStart(dashboard.start))
      process.stdout.write(`${dashboard.url}\n`)
      tell(`the page is at ${dashboard.url}, its API at ${dashboard.url}/docs`)
      if (!signal.aborted) await once(signal, 'abort')
    } finally {
      await dashboard.close()
    }
  } finally {
    if (running === null) await stopHerd(stateDir)
    await forgetService(stateDir)
  }
  return 0
}

async function refuseSecond(stateDir: string): Promise<void> {
  const service = await readService(stateDir)
  if (service === null) return
  throw new HerdError('HERD_ALREADY_RUNNING', `The dashboard runs already, at ${service.url}.`, {
    hint: 'Stop it with "npm run stop".',
  })
}

function describeStart({ prices, since, standby, standbyLsn }: Start): string {
  if (prices === 0) return 'a first start: there were no prices'
  const carriesOn = `carrying on: ${prices.toLocaleString('en')} prices since ${since}`
  return standbyLsn === null ? carriesOn : `${carriesOn}; standby ${standby} resumed at LSN ${standbyLsn}`
}

await runProgram(start)
