import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'

// The same from src and from dist.
const FILES = fileURLToPath(new URL('../../page/', import.meta.url))
const SCRIPTS = fileURLToPath(new URL('../../dist/page/', import.meta.url))

const HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** The page, which takes nothing from elsewhere. */
export const pageRoutes: FastifyPluginAsync = async (service) => {
  service.addHook('onSend', async (_request, reply) => {
    reply.headers(HEADERS)
  })
  await service.register(fastifyStatic, { root: FILES, serve: false })
  await service.register(fastifyStatic, {
    root: SCRIPTS,
    prefix: '/scripts/',
    decorateReply: false,
    allowedPath: (path) => path.endsWith('.js'),
  })
  service.get('/', { schema: { hide: true } }, (_request, reply) => reply.sendFile('index.html'))
  service.get('/style.css', { schema: { hide: true } }, (_request, reply) => reply.sendFile('style.css'))
}
