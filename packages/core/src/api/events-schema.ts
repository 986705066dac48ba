import { z } from 'zod'

/** What happened, with its cause: observed what, decided what, did what. */
export const HerdEventSchema = z
  .strictObject({
    id: z.int().positive().describe('Grows by one per event over the life of the herd'),
    at: z.string().describe('ISO 8601, wall clock'),
    kind: z.string(),
    group: z.string().nullable(),
    node: z.string().nullable(),
    message: z.string().describe('What was done or has happened, one sentence'),
    cause: z
      .strictObject({
        observed: z.string().nullable(),
        decided: z.string().nullable(),
      })
      .nullable()
      .describe('Null for what nobody decided'),
  })
  .meta({ id: 'Event' })

export type HerdEventView = z.infer<typeof HerdEventSchema>

export const EventsSchema = z
  .strictObject({ events: z.array(HerdEventSchema).describe('Oldest first') })
  .meta({ id: 'Events' })

export type EventsView = z.infer<typeof EventsSchema>
