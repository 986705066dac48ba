import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import Fastify, { type FastifyInstance } from 'fastify'
import { answerNoRoute, answerProblem } from './answer-problem.js'
import { notificationRoutes } from './notification-routes.js'
import { userRoutes } from './user-routes.js'

const BODY_LIMIT_BYTES = 64 * 1024

export interface ServiceOptions {
  pool: Pool
  /** Whether errors go to standard error as JSON lines. */
  log: boolean
}

/** The users service and the consumer of its events; /docs shows the routes, /openapi.json describes them. */
export async function buildService({ pool, log }: ServiceOptions): Promise<FastifyInstance> {
  const service = Fastify({
    logger: log ? { level: 'error', stream: process.stderr } : false,
    bodyLimit: BODY_LIMIT_BYTES,
    // What is not understood is refused, not bent until it fits.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  service.setErrorHandler(answerProblem)
  service.setNotFoundHandler(answerNoRoute)
  await service.register(swagger, {
    openapi: {
      info: {
        title: 'ecomarket users',
        description: 'Users on four shards, with what happens to them delivered in order.',
        version: '0.1.0',
      },
    },
  })
  await service.register(swaggerUi, { routePrefix: '/docs' })
  await service.register(userRoutes(pool))
  await service.register(notificationRoutes(pool))
  service.get('/openapi.json', { schema: { hide: true } }, () => service.swagger())
  service.get('/', { schema: { hide: true } }, (_, reply) => reply.redirect('/docs'))
  service.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }))
  return service
}
