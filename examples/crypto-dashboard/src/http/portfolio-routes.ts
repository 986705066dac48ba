import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import { makeTrade } from '../portfolio/make-trade.js'
import { readPortfolio } from '../portfolio/read-portfolio.js'
import * as schemas from './schemas.js'

const WRONG = { 400: schemas.Problem, 503: schemas.Problem }

/**
 * Trades are written on the primary; the portfolio is read from the standby once that has the trades of whoever asks.
 * The token in between travels in a header.
 */
export function portfolioRoutes(pool: Pool): FastifyPluginAsyncTypebox {
  const portfolio = pool.with('portfolio')
  return async (service) => {
    service.get(
      '/api/portfolio',
      {
        schema: {
          summary: 'Cash, holdings and the last trades',
          tags: ['portfolio'],
          querystring: schemas.NoQuery,
          headers: schemas.SessionHeader,
          response: { ...WRONG, 200: schemas.Portfolio },
        },
      },
      async ({ headers }) => {
        const { rows, ...from } = await pool.session(() => readPortfolio(portfolio), headers['x-session'])
        return { ...from, ...(rows[0] as (typeof rows)[0]) }
      },
    )

    service.post(
      '/api/portfolio/trades',
      {
        schema: {
          summary: 'Buy or sell at the latest price',
          tags: ['portfolio'],
          body: schemas.TradeOrder,
          headers: schemas.SessionHeader,
          response: { ...WRONG, 404: schemas.Problem, 409: schemas.Problem, 201: schemas.TradeMade },
        },
      },
      async ({ body, headers }, reply) => {
        const made = await pool.session(async () => {
          const served = await makeTrade(portfolio, { ...body, id: body.id ?? randomUUID() })
          return { ...served, session: await pool.sessionToken() }
        }, headers['x-session'])
        reply.status(201)
        return made
      },
    )
  }
}
