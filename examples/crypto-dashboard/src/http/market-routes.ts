import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { PolicyPool } from '@pgherd/client'
import { COINS } from '../coins.js'
import { INTERVALS, type Interval, readCandles } from '../market/read-candles.js'
import { readPrices } from '../market/read-prices.js'
import { readVolume } from '../market/read-volume.js'
import { Problem } from './problem.js'
import * as schemas from './schemas.js'

const CANDLES_BY_ITSELF = 90
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/
const WRONG = { 400: schemas.Problem, 503: schemas.Problem }

/** What coins cost and cost before; read from the standby. */
export function marketRoutes(market: PolicyPool): FastifyPluginAsyncTypebox {
  return async (service) => {
    service.get(
      '/api/prices',
      {
        schema: {
          summary: 'The latest price of each coin',
          tags: ['market'],
          querystring: schemas.NoQuery,
          response: { ...WRONG, 200: schemas.Prices },
        },
      },
      async () => {
        const { rows, ...from } = await readPrices(market)
        return { ...from, prices: rows }
      },
    )

    service.get(
      '/api/candles',
      {
        schema: {
          summary: 'Candles of one coin',
          tags: ['market'],
          querystring: schemas.CandleQuery,
          response: { ...WRONG, 404: schemas.Problem, 200: schemas.Candles },
        },
      },
      async ({ query: { coin, interval = '1m', from } }) => {
        if (!COINS.some(({ symbol }) => symbol === coin))
          throw new Problem('coin-unknown', `There is no coin "${coin}".`)
        const begin = from === undefined ? defaultBegin(interval) : readMoment(from)
        const { rows, ...served } = await readCandles(market, coin, interval, begin)
        return { ...served, coin, interval, candles: rows }
      },
    )

    service.get(
      '/api/volume',
      {
        schema: {
          summary: 'What was traded of each coin, the most first',
          tags: ['market'],
          querystring: schemas.VolumeQuery,
          response: { ...WRONG, 200: schemas.Volume },
        },
      },
      async ({ query: { window = '1h' } }) => {
        const { rows, ...from } = await readVolume(market, window)
        return { ...from, window, volume: rows }
      },
    )
  }
}

function defaultBegin(interval: Interval): Date {
  return new Date(Date.now() - CANDLES_BY_ITSELF * INTERVALS[interval] * 1000)
}

function readMoment(text: string): Date {
  const moment = MOMENT.test(text) ? new Date(text) : null
  if (moment !== null && moment.getTime() >= 0) return moment
  throw new Problem('input-invalid', `"from" takes a moment like 2026-11-22T06:00:00Z, not "${text}".`)
}
