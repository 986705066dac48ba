import { expect, test } from 'vitest'
import { PATIENCE_MS, until } from '../../../test/scratch-herd.js'
import { COINS } from '../src/coins.js'
import { Collector } from '../src/collector/collector.js'
import { storeReadings } from '../src/collector/store-readings.js'
import { makeSchema } from '../src/make-schema.js'
import { SimulatedSource } from '../src/source/simulated-source.js'
import { hurriedClock } from './hurried-clock.js'
import { scratchCrypto } from './scratch-dashboard.js'

const START_MS = Date.UTC(2025, 0, 1)

test(
  'killing the primary is a pause: no price is lost and none is doubled (I1, I3)',
  async () => {
    const { herd, pool } = await scratchCrypto()
    await makeSchema(pool)
    const market = new SimulatedSource({ coins: COINS, seed: 11 })
    const read = new Map<string, number>()
    const collector = new Collector({
      source: {
        name: 'a recorded market',
        read: async (atMs) => {
          const quotes = market.nextSecond()
          for (const { coin, price } of quotes) read.set(`${coin} ${atMs}`, price)
          return { quotes, complaints: [] }
        },
      },
      store: (seconds) => storeReadings(pool, seconds),
      clock: hurriedClock(START_MS, 25),
    })
    const storedSeconds = (): number => {
      const { storedUntil } = collector.status()
      return storedUntil === null ? 0 : (Date.parse(storedUntil) - START_MS) / 1000
    }
    collector.start()
    await until('prices are stored', () => storedSeconds() > 20)
    const { groups } = await herd.status()
    const primary = groups[0]?.nodes.find(({ role }) => role === 'primary')
    process.kill(primary?.pid as number, 'SIGKILL')
    const killedAt = storedSeconds()
    await until('the other node is primary', () => {
      const now = herd.primaryOf('crypto')
      return now !== null && now !== undefined && now.name !== primary?.name
    })
    await until('prices are stored again', () => storedSeconds() > killedAt + 60)
    expect(await collector.close()).toBe(0)

    const { rows } = await pool.query<{ coin: string; ms: string; price: string }>({
      text: `select coin, (extract(epoch from at) * 1000)::int8 as ms, price::text from prices`,
      consistency: 'primary',
    })
    const stored = new Map(rows.map(({ coin, ms, price }) => [`${coin} ${ms}`, Number(price)]))
    expect(rows).toHaveLength(read.size)
    expect(stored).toEqual(read)
  },
  2 * PATIENCE_MS,
)
