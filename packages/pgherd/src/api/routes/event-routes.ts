import { EventsSchema, JobSchema, JobsSchema } from '@pgherd/core/api'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiParts } from '../api-parts.js'
import { Refusal } from '../problem.js'
import { STREAM_KINDS, type StreamKind } from '../stream/event-stream.js'
import { countParameter, idParameter } from './parameters.js'
import { PROBLEMS } from './problems.js'

const MOST_WAIT_MS = 30_000

/** What happens. */
export function eventRoutes({ herd, stream, jobs }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    api.get(
      '/v1/events',
      {
        schema: {
          summary: 'What has happened, or with `Accept: text/event-stream` what happens',
          description:
            'The stream sends `event` (with ids, so that `Last-Event-ID` resumes), `topology`, `nodes`, `sample` and `job`.',
          tags: ['herd'],
          querystring: z.strictObject({
            last: countParameter(1000, 50).describe('How many events'),
            before: idParameter(),
            only: z
              .string()
              .optional()
              .describe(`Of the stream: the kinds of messages, such as ${STREAM_KINDS.join(',')}`),
          }),
          response: { 200: EventsSchema, ...PROBLEMS },
        },
      },
      async (request, reply) => {
        const { last, before, only } = request.query
        if (!/\btext\/event-stream\b/.test(request.headers.accept ?? ''))
          return { events: [...(await herd.events.before(before ?? Number.POSITIVE_INFINITY, last))] }
        const options = { only: kindsOf(only), after: lastEventId(request.headers['last-event-id']) }
        await stream.add(reply.raw, options)
        reply.hijack()
        return reply
      },
    )
    api.get(
      '/v1/jobs',
      {
        schema: {
          summary: 'What people have begun',
          tags: ['jobs'],
          response: { 200: JobsSchema, ...PROBLEMS },
        },
      },
      () => ({ jobs: jobs.all }),
    )
    api.get(
      '/v1/jobs/:id',
      {
        schema: {
          summary: 'How far a job is',
          tags: ['jobs'],
          params: z.strictObject({ id: z.string() }),
          querystring: z.strictObject({
            waitMs: countParameter(MOST_WAIT_MS, 0).describe('Answer when it has ended, or after so long'),
          }),
          response: { 200: JobSchema, ...PROBLEMS },
        },
      },
      ({ params, query }) => jobs.whenEnded(params.id, query.waitMs),
    )
  }
}

/** Null: all. Throws USAGE. */
function kindsOf(only: string | undefined): ReadonlySet<StreamKind> | null {
  if (only === undefined) return null
  const kinds = only.split(',')
  const unknown = kinds.find((kind) => !(STREAM_KINDS as readonly string[]).includes(kind))
  if (unknown === undefined) return new Set(kinds as StreamKind[])
  throw new Refusal(
    400,
    'USAGE',
    `There are no messages of the kind ${JSON.stringify(unknown)}; there are ${STREAM_KINDS.join(', ')}.`,
  )
}

/** What a browser says that it has heard last; anything that is no id of ours: nothing. */
function lastEventId(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : null
}
