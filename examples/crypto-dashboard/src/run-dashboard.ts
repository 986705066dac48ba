import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '@pgherd/client'
import { HerdError } from '@pgherd/core'
import { COINS } from './coins.js'
import { WALL_CLOCK } from './collector/clock.js'
import { Collector } from './collector/collector.js'
import { removeOldPrices } from './collector/remove-old-prices.js'
import { storeReadings } from './collector/store-readings.js'
import { writeHistory } from './collector/write-history.js'
import type { HerdView } from './herd/herd-view.js'
import { buildService } from './http/build-service.js'
import { makeSchema } from './make-schema.js'
import { readLastPrices } from './market/read-last-prices.js'
import { noteStart, type Start } from './replication/note-start.js'
import { HttpSource } from './source/http-source.js'
import type { PriceSource } from './source/price-source.js'
import { refuseMixedPrices } from './source/refuse-mixed-prices.js'
import { SimulatedSource } from './source/simulated-source.js'

const HOUR_MS = 3_600_000
const REMOVE_EVERY_MS = 60_000

export interface DashboardOptions {
  pool: Pool
  herd: HerdView
  /** On 127.0.0.1; 0 takes a free one. */
  port: number
  /** Where prices are; null: they are simulated. */
  sourceUrl: URL | null
  seed: number
  /** How long a past a simulated market is given when it begins. */
  historyMinutes: number
  /** Null: no price is ever removed. */
  keepHours: number | null
  log: boolean
  tell: (line: string) => void
}

/** Collector, API and page, until `close()`. */
export interface Dashboard {
  url: string
  start: Start
  close(): Promise<void>
}

/** Starts everything on a herd that runs, and carries on with what is in it. Throws PORT_TAKEN, USAGE. */
export async function runDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { pool, herd, keepHours, tell } = options
  await makeSchema(pool)
  const kind = options.sourceUrl === null ? 'simulated' : 'real'
  await refuseMixedPrices(pool, kind)
  const start = await noteStart(pool, herd, kind)
  const source = await chooseSource(options, start)
  const collector = new Collector({
    source,
    store: (seconds) => storeReadings(pool, seconds),
    clock: WALL_CLOCK,
  })
  const service = await buildService({ pool, herd, collector, start, keepHours, log: options.log })
  const url = await service.listen({ port: options.port, host: '127.0.0.1' }).catch(refuseTakenPort)
  collector.start()
  const closing = new AbortController()
  const removing = keepHours === null ? null : keepRemoving(pool, keepHours, tell, closing.signal)
  return {
    url,
    start,
    close: async () => {
      closing.abort()
      await service.close()
      const notStored = await collector.close()
      if (notStored > 0) tell(`${notStored} seconds of prices could not be stored: there is no primary`)
      await removing
    },
  }
}

async function chooseSource(options: DashboardOptions, start: Start): Promise<PriceSource> {
  const { pool, sourceUrl, historyMinutes, tell } = options
  if (sourceUrl !== null) return new HttpSource({ coins: COINS, baseUrl: sourceUrl })
  const from = await readLastPrices(pool)
  // With the count in the seed, a market that carries on does not go the way it went before.
  const source = new SimulatedSource({ coins: COINS, seed: options.seed + start.prices, from })
  if (start.prices === 0 && historyMinutes > 0) {
    tell(`writing ${historyMinutes} minutes of simulated prices to begin with`)
    const endMs = Math.floor(WALL_CLOCK.now() / 1000) * 1000
    await writeHistory(pool, source, { endMs, seconds: historyMinutes * 60 })
  }
  return source
}

async function keepRemoving(
  pool: Pool,
  keepHours: number,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await removeOldPrices(pool, new Date(Date.now() - keepHours * HOUR_MS)).catch((error: unknown) =>
      tell(`old prices could not be removed: ${error instanceof Error ? error.message : error}`),
    )
    await delay(REMOVE_EVERY_MS, undefined, { signal }).catch(() => {})
  }
}

function refuseTakenPort(error: NodeJS.ErrnoException): never {
  if (error.code !== 'EADDRINUSE') throw error
  throw new HerdError('PORT_TAKEN', error.message, { hint: 'Choose another one by --port N.' })
}
