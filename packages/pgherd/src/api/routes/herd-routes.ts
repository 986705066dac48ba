import { HerdSchema, type HerdView, LogSchema, SamplesSchema, TopologySchema } from '@pgherd/core/api'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { tailOf } from '../../view/tail-of.js'
import type { ApiParts } from '../api-parts.js'
import { SAMPLE_EVERY_MS } from '../samples/sampler.js'
import { countParameter } from './parameters.js'
import { PROBLEMS } from './problems.js'

/** What the herd is and how it does. */
export function herdRoutes({ herd, version, startedAt, samples }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    api.get(
      '/v1/herd',
      { schema: { summary: 'What the herd is', tags: ['herd'], response: { 200: HerdSchema, ...PROBLEMS } } },
      ({ caller }): HerdView => ({
        name: herd.name,
        version,
        database: herd.spec.database,
        postgresVersion: herd.spec.postgres.bin === null ? String(herd.spec.postgres.version) : null,
        isSharded: herd.spec.sharding !== undefined,
        startedAt,
        proxy: herd.proxy === null ? null : { dsn: withoutPassword(herd.proxyDsn()) },
        may: { act: caller.mayAct },
      }),
    )
    api.get(
      '/v1/topology',
      {
        schema: {
          summary: 'Every node with its role, state, LSN and lag',
          description: 'As it is known; with `fresh`, every node is asked first, for at most 100 ms.',
          tags: ['herd'],
          querystring: z.strictObject({ fresh: z.stringbool().default(false) }),
          response: { 200: TopologySchema, ...PROBLEMS },
        },
      },
      ({ query }) => herd.status({ fresh: query.fresh }),
    )
    api.get(
      '/v1/samples',
      {
        schema: {
          summary: 'How the herd did in each of the last seconds',
          tags: ['herd'],
          querystring: z.strictObject({ seconds: countParameter(3600, 300) }),
          response: { 200: SamplesSchema, ...PROBLEMS },
        },
      },
      ({ query }) => ({ everyMs: SAMPLE_EVERY_MS, samples: [...samples.last(query.seconds)] }),
    )
    api.get(
      '/v1/nodes/:node/log',
      {
        schema: {
          summary: "The end of a server's log",
          tags: ['nodes'],
          params: z.strictObject({ node: z.string() }),
          querystring: z.strictObject({ lines: countParameter(2000, 200) }),
          response: { 200: LogSchema, ...PROBLEMS },
        },
      },
      ({ params: { node }, query }) => {
        const lines = query.lines === 0 ? [] : tailOf(herd.logFile(node), query.lines).slice(-query.lines)
        return { node, lines: [...lines] }
      },
    )
  }
}

function withoutPassword(dsn: string | null): string {
  const url = new URL(dsn ?? '')
  url.password = ''
  return url.href
}
