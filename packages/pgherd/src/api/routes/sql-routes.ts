import { SqlAnswerSchema, SqlRequestSchema, TablesSchema } from '@pgherd/core/api'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiParts } from '../api-parts.js'
import { readTables } from '../tables/read-tables.js'
import { rateLimit } from './limits.js'
import { PROBLEMS } from './problems.js'

/** What is in the database. */
export function sqlRoutes({ herd, sql, asker }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    api.post(
      '/v1/sql',
      {
        config: { ...rateLimit(20, '1 second'), action: 'sql' },
        schema: {
          summary: 'Run one statement, as the application would',
          description:
            'Through the router, as the role of the application: rows as text, with the node that answered and why it did. Ends after 30 s.',
          tags: ['sql'],
          body: SqlRequestSchema,
          response: { 200: SqlAnswerSchema, ...PROBLEMS },
        },
      },
      async ({ body, raw }) => {
        const gone = new AbortController()
        const leave = (): void => gone.abort()
        raw.socket.once('close', leave)
        try {
          return await sql.run(body, gone.signal)
        } finally {
          raw.socket.removeListener('close', leave)
        }
      },
    )
    api.get(
      '/v1/tables',
      {
        config: rateLimit(5, '1 second'),
        schema: {
          summary: 'Every table with its columns, indexes and size',
          tags: ['sql'],
          response: { 200: TablesSchema, ...PROBLEMS },
        },
      },
      async () => ({ tables: await readTables(asker, herd.groupNames[0] ?? '') }),
    )
  }
}
