import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import type { HerdView } from '../herd/herd-view.js'
import { probeStandby } from '../replication/probe-standby.js'
import { readReplication } from '../replication/read-replication.js'
import * as schemas from './schemas.js'

const WRONG = { 400: schemas.Problem, 503: schemas.Problem }

/** The replication itself, to look at. */
export function replicationRoutes(pool: Pool, herd: HerdView): FastifyPluginAsyncTypebox {
  return async (service) => {
    service.get(
      '/api/replication',
      {
        schema: {
          summary: 'The nodes with their roles and lag, by the word of the supervisor',
          tags: ['replication'],
          querystring: schemas.NoQuery,
          response: { ...WRONG, 200: schemas.Replication },
        },
      },
      () => readReplication(herd),
    )

    service.post(
      '/api/replication/probe',
      {
        schema: {
          summary: 'Write a row on the primary and watch until the standby has it',
          tags: ['replication'],
          response: { ...WRONG, 200: schemas.Probe },
        },
      },
      async () => {
        const { standby, ...probe } = await probeStandby(pool, herd)
        return { node: standby, role: 'standby', ...probe }
      },
    )
  }
}
