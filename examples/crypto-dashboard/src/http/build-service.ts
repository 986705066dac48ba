import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import Fastify, { type FastifyInstance } from 'fastify'
import type { CollectorStatus } from '../collector/collector.js'
import type { HerdView } from '../herd/herd-view.js'
import { readPrices } from '../market/read-prices.js'
import { LiveFeed } from '../replication/live-feed.js'
import type { Start } from '../replication/note-start.js'
import { readReplication } from '../replication/read-replication.js'
import { answerNoRoute, answerProblem } from './answer-problem.js'
import { describeSchemaError } from './describe-schema-error.js'
import { marketRoutes } from './market-routes.js'
import { pageRoutes } from './page-routes.js'
import { portfolioRoutes } from './portfolio-routes.js'
import { refuseStrangers } from './refuse-strangers.js'
import { replicationRoutes } from './replication-routes.js'
import * as schemas from './schemas.js'
import { streamRoutes } from './stream-routes.js'

const BODY_LIMIT_BYTES = 16 * 1024

export interface ServiceOptions {
  pool: Pool
  herd: HerdView
  collector: { status(): CollectorStatus }
  start: Start
  /** Null: no price is ever removed. */
  keepHours: number | null
  /** Whether errors go to standard error as JSON lines. */
  log: boolean
}

/** The page and its API; /docs shows the routes, /openapi.json describes them. */
export async function buildService(options: ServiceOptions): Promise<FastifyInstance> {
  const { pool, herd, collector, log } = options
  const service = Fastify({
    logger: log ? { level: 'error', stream: process.stderr } : false,
    bodyLimit: BODY_LIMIT_BYTES,
    // Whoever watches the stream would keep the service from ending.
    forceCloseConnections: true,
    // What is not understood is refused, not bent until it fits.
    schemaErrorFormatter: ([error], where) => new Error(describeSchemaError(error, where)),
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  service.setErrorHandler(answerProblem)
  service.setNotFoundHandler(answerNoRoute)
  service.addHook('onRequest', refuseStrangers)
  const market = pool.with('market')
  const feed = new LiveFeed({
    market: () => readPrices(market),
    replication: () => readReplication(herd),
    collector: () => collector.status(),
  })
  service.addHook('preClose', () => feed.close())
  await service.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'crypto-dashboard',
        description: 'Prices from a standby, trades on the primary, and the replication in between.',
        version: '0.1.0',
      },
    },
  })
  await service.register(swaggerUi, { routePrefix: '/docs' })
  await service.register(marketRoutes(market))
  await service.register(portfolioRoutes(pool))
  await service.register(replicationRoutes(pool, herd))
  await service.register(streamRoutes(feed))
  await service.register(statusRoute(options))
  await service.register(pageRoutes)
  service.get('/openapi.json', { schema: { hide: true } }, () => service.swagger())
  service.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }))
  return service
}

function statusRoute({ collector, start, keepHours }: ServiceOptions) {
  return async (service: FastifyInstance): Promise<void> => {
    service.get(
      '/api/status',
      {
        schema: {
          summary: 'What this start found, and how collecting goes; by the dashboard itself',
          tags: ['dashboard'],
          response: { 200: schemas.Status },
        },
      },
      async () => ({ start, collector: collector.status(), keepHours }),
    )
  }
}
