import type { IncomingMessage } from 'node:http'
import rateLimiter from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { NOBODY, refuseLookers } from './access/guard.js'
import type { ApiParts } from './api-parts.js'
import { servePage } from './page.js'
import { answerProblem, Refusal } from './problem.js'
import { actionRoutes } from './routes/action-routes.js'
import { auditRoutes } from './routes/audit-routes.js'
import { eventRoutes } from './routes/event-routes.js'
import { healthRoutes } from './routes/health-routes.js'
import { herdRoutes } from './routes/herd-routes.js'
import { shardRoutes } from './routes/shard-routes.js'
import { sqlRoutes } from './routes/sql-routes.js'

const BODY_LIMIT_BYTES = 2 * 1024 * 1024
const STRANGER = { who: NOBODY, from: '', mayAct: false }
const JOB_PATH = /^\/v1\/jobs\/(.+)$/

export interface ServerSettings {
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** Folder of the page; null: there is none. */
  readonly page: string | null
  readonly isOwn: (message: IncomingMessage) => boolean
}

/** Headers within 10 s, the body within 15: who sends slower keeps a socket and nothing else. */
export const TIME_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1000,
}

/** The control API; /docs shows its routes, /openapi.json describes them. */
export async function buildApi(
  parts: ApiParts,
  { tls, page, isOwn }: ServerSettings,
): Promise<FastifyInstance> {
  const api = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    ...TIME_LIMITS,
    ...(tls === null ? { http: TIME_LIMITS } : { https: { ...tls, ...TIME_LIMITS } }),
    routerOptions: { maxParamLength: 200 },
  } as object) as unknown as FastifyInstance
  api.setValidatorCompiler(validatorCompiler)
  // What is answered is ours and typed; tests hold it against the document.
  api.setSerializerCompiler(() => (value) => JSON.stringify(value))
  api.setErrorHandler(answerProblem)
  readJson(api)
  guard(api, parts)
  await api.register(rateLimiter, {
    global: false,
    allowList: (request: FastifyRequest) => isOwn(request.raw),
    keyGenerator: ({ caller }: FastifyRequest) => `${caller.who} ${caller.from}`,
    hook: 'preHandler',
    errorResponseBuilder: (_, { max, after }) =>
      new Refusal(
        429,
        'TOO_MANY_REQUESTS',
        `This was asked for more than ${max} times; ask again in ${after}.`,
      ),
  })
  await describe(api, parts.version)
  const typed = api.withTypeProvider<ZodTypeProvider>()
  for (const routes of [
    herdRoutes,
    eventRoutes,
    actionRoutes,
    auditRoutes,
    sqlRoutes,
    shardRoutes,
    healthRoutes,
  ])
    await typed.register(routes(parts))
  await servePage(api, page)
  return api
}

/** JSON and nothing else; no body is an empty object. */
function readJson(api: FastifyInstance): void {
  const parse = api.getDefaultJsonParser('error', 'error')
  api.removeAllContentTypeParsers()
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, {})
    else parse(request, body as string, done)
  })
}

/** Who asks is known before anything else is done, and what they had done is written down. */
function guard(api: FastifyInstance, { guard, audit, metrics }: ApiParts): void {
  api.decorateRequest('caller')
  api.addHook('onRequest', async (request) => {
    request.caller = STRANGER
    const { isOpen } = request.routeOptions.config
    // What is not there is as open as the page: a browser asks for its views so.
    request.caller = await guard.admit(request, isOpen === true || request.is404 || isOfPage(request))
    refuseLookers(request)
  })
  api.addHook('onResponse', async (request, reply) => {
    const { routeOptions, method, caller, url } = request
    metrics.requested(method, routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000)
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return
    const { body } = request
    const entry = {
      at: new Date().toISOString(),
      action: routeOptions.config.action ?? 'other',
      who: caller.who,
      from: caller.from || request.ip || 'socket',
      method,
      path: url,
      status: reply.statusCode,
      job: JOB_PATH.exec(String(reply.getHeader('location')))?.[1] ?? null,
      what: body === undefined ? null : JSON.stringify(body),
    }
    audit.add(entry)
  })
}

/** Files of the page, and of the description of the API. */
function isOfPage({ routeOptions, url, method }: FastifyRequest): boolean {
  const isRead = method === 'GET' || method === 'HEAD'
  return isRead && !url.startsWith('/v1/') && routeOptions.url !== '/metrics'
}

async function describe(api: FastifyInstance, version: string): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'pgherd control API',
        description:
          'A herd of PostgreSQL servers: what it is, how it does, what happens, and what can be done to it.',
        version,
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  })
  await api.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  api.get('/openapi.json', { config: { isOpen: true }, schema: { hide: true } }, () => api.swagger())
}
