import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiParts } from '../api-parts.js'

/** For whatever watches over the supervisor. */
export function healthRoutes({ herd, metrics }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    const config = { isOpen: true }
    api.get(
      '/healthz',
      { config, schema: { summary: 'Whether the supervisor answers', tags: ['health'] } },
      (_, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'),
    )
    api.get(
      '/readyz',
      {
        config,
        schema: { summary: 'Whether every group has a primary that takes writes', tags: ['health'] },
      },
      async (_, reply) => {
        const { groups } = await herd.status({ fresh: false })
        const lacking = groups.filter(
          ({ nodes }) => !nodes.some(({ role, state }) => role === 'primary' && state === 'running'),
        )
        const why = lacking.map(({ name }) => `${name} has no primary`).join('; ')
        return reply
          .status(why === '' ? 200 : 503)
          .type('text/plain; charset=utf-8')
          .send(`${why || 'ok'}\n`)
      },
    )
    api.get(
      '/metrics',
      { schema: { summary: 'Figures for Prometheus', tags: ['health'] } },
      async (_, reply) => reply.type(metrics.contentType).send(await metrics.read()),
    )
  }
}
