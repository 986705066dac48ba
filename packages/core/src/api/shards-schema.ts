import { z } from 'zod'

/** The shard map, drawn small: neighbouring stretches are put together until a picture can show them. */
export const ShardsSchema = z
  .strictObject({
    strategy: z.enum(['consistent-hash', 'modulo', 'range']),
    epoch: z.int(),
    home: z.string(),
    shards: z.array(
      z.strictObject({
        name: z.string(),
        share: z.number().nullable().describe('Of the line; null where positions have no lengths'),
        rows: z.number().nullable(),
        bytes: z.number().nullable(),
      }),
    ),
    stretches: z
      .array(
        z.strictObject({
          from: z.string().describe('Where it begins: a position, or a key on a line of keys'),
          start: z.number().nullable().describe('The same as a fraction of the line'),
          shard: z.string(),
        }),
      )
      .describe('In the order of the line'),
    stretchCount: z.int().describe('All there are; `stretches` has at most 2,000'),
    tables: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['sharded', 'reference']),
        key: z.array(z.string()),
        perShard: z.array(
          z.strictObject({ shard: z.string(), rows: z.number().nullable(), bytes: z.number().nullable() }),
        ),
      }),
    ),
  })
  .meta({ id: 'Shards' })

export type ShardsView = z.infer<typeof ShardsSchema>

/** Where the rows of a key are. */
export const KeyPlaceSchema = z
  .strictObject({
    table: z.string(),
    key: z.string(),
    position: z.string(),
    start: z.number().nullable().describe('The position as a fraction of the line'),
    shard: z.string(),
  })
  .meta({ id: 'KeyPlace' })

export type KeyPlace = z.infer<typeof KeyPlaceSchema>

/** What one more shard would move. */
export const AddedShardSchema = z
  .strictObject({
    shards: z.int().describe('How many there would be'),
    movedShare: z.number().describe('Of all keys, 0 to 1'),
    ideal: z.number().describe('An even share for the new one: 1 / shards'),
    perShard: z.array(
      z.strictObject({ name: z.string(), before: z.number(), after: z.number(), gives: z.number() }),
    ),
  })
  .meta({ id: 'AddedShard' })

export type AddedShard = z.infer<typeof AddedShardSchema>
