import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { Refusal } from './problem.js'

const NO_PAGE = 'The page that shows the herd was not built; the API is at /v1, its description at /docs.\n'
/** Nothing from anywhere else, and in nobody else's frame. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
const YEAR_S = 31_536_000
/** What is no page of the application's, whatever a browser may accept. */
const NOT_PAGES = /^\/(v1|docs|openapi\.json|metrics|healthz|readyz)(\/|$)/

/** Where the page's files are: beside this package in the workspace, or in it when it was published. */
export function findPage(): string | null {
  const own = dirname(fileURLToPath(import.meta.url))
  const places = [join(own, '../../page'), join(own, '../../../dashboard/dist')]
  return places.find((place) => existsSync(join(place, 'index.html'))) ?? null
}

/** Serves the page at `/`; any other path that a browser navigates to is one of its views. */
export async function servePage(api: FastifyInstance, folder: string | null): Promise<void> {
  const config = { isOpen: true }
  if (folder !== null)
    await api.register(fastifyStatic, {
      root: join(folder, 'assets'),
      // Looked for when asked for: a newer version that is installed meanwhile brings files of other names.
      prefix: '/assets/',
      index: false,
      setHeaders: (reply, path) => {
        reply.header('content-security-policy', POLICY)
        const isHashed = /[\\/]assets[\\/]/.test(path)
        reply.header('cache-control', isHashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache')
      },
    })
  if (folder === null)
    api.get('/', { config, schema: { hide: true } }, (_, reply) =>
      reply.type('text/plain; charset=utf-8').send(NO_PAGE),
    )
  else api.get('/', { config, schema: { hide: true } }, (_, reply) => reply.sendFile('index.html', folder))
  api.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/'
    const navigates = request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? '')
    if (folder !== null && navigates && !NOT_PAGES.test(path) && !/\.[a-z0-9]+$/i.test(path))
      return reply.sendFile('index.html', folder)
    throw new Refusal(404, 'USAGE', `There is no ${request.method} ${path}.`, {
      hint: 'What there is, is described at /docs.',
    })
  })
}
