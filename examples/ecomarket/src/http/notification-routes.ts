import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Pool } from '@pgherd/client'
import Type from 'typebox'
import { readNotifications, receiveEvent } from '../notifications/receive-event.js'
import * as schemas from './schemas.js'

/** The consumer of the events. It could as well be a service of its own. */
export function notificationRoutes(pool: Pool): FastifyPluginAsyncTypebox {
  return async (service) => {
    service.post(
      '/events',
      {
        schema: {
          summary: 'Take an event; one that was taken before is left out',
          tags: ['events'],
          body: schemas.Event,
          response: { 204: Type.Null(), 400: schemas.Problem, 503: schemas.Problem },
        },
      },
      async ({ body }, reply) => {
        await receiveEvent(pool, body)
        return reply.status(204).send(null)
      },
    )

    service.get(
      '/users/:id/notifications',
      {
        schema: {
          summary: 'What a user was told, in the order in which the events arrived',
          tags: ['events'],
          params: schemas.UserPath,
          response: { 200: schemas.Notifications, 400: schemas.Problem, 503: schemas.Problem },
        },
      },
      ({ params }) => readNotifications(pool, params.id),
    )
  }
}
