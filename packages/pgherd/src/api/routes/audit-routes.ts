import { AUDIT_ACTIONS, AUDIT_OUTCOMES, AuditSchema } from '@pgherd/core/api'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiParts } from '../api-parts.js'
import { rateLimit } from './limits.js'
import { countParameter, idParameter } from './parameters.js'
import { PROBLEMS } from './problems.js'

/** Who did what. Statements stand in it as they were sent, so a token that may only look does not see it. */
export function auditRoutes({ audit }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    api.get(
      '/v1/audit',
      {
        config: { ...rateLimit(10, '1 second'), isForActors: true },
        schema: {
          summary: 'Who did what through this API',
          description:
            'Newest first; `before` with the last id pages. A token that may only look is refused: statements are in it, with their values.',
          tags: ['herd'],
          querystring: z.strictObject({
            last: countParameter(1000, 100).describe('How many entries'),
            before: idParameter(),
            action: z.enum(AUDIT_ACTIONS).optional(),
            who: z.string().optional().describe('The caller, whole: "loopback" or the name of a token'),
            outcome: z.enum(AUDIT_OUTCOMES).optional(),
          }),
          response: { 200: AuditSchema, ...PROBLEMS },
        },
      },
      async ({ query: { last, before, action, who, outcome } }) => ({
        entries: await audit.read({
          before: before ?? Number.POSITIVE_INFINITY,
          count: last,
          isWanted: (entry) =>
            (action === undefined || entry.action === action) &&
            (who === undefined || entry.who === who) &&
            (outcome === undefined || entry.outcome === outcome),
        }),
      }),
    )
  }
}
