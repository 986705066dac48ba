import { HerdError } from '@pgherd/core'
import { AddedShardSchema, type KeyPlace, KeyPlaceSchema, ShardsSchema } from '@pgherd/core/api'
import type { ShardingSpec } from '@pgherd/core/spec'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { findKey } from '../../shards/find-key.js'
import type { ApiParts } from '../api-parts.js'
import { addedShard } from '../shards/added-shard.js'
import { fractionOf, readShards } from '../shards/read-shards.js'
import { rateLimit } from './limits.js'
import { PROBLEMS } from './problems.js'

const NOTHING = z.strictObject({})

/** How rows are spread. Without shards each of them is refused. */
export function shardRoutes({ herd, asker }: ApiParts): FastifyPluginAsyncZod {
  return async (api) => {
    const config = rateLimit(5, '1 second')
    const sharding = (): ShardingSpec => herd.spec.sharding as ShardingSpec
    api.get(
      '/v1/shards',
      {
        config,
        schema: {
          summary: 'The shard map, and what each shard holds',
          tags: ['shards'],
          querystring: NOTHING,
          response: { 200: ShardsSchema, ...PROBLEMS },
        },
      },
      () => readShards(asker.requirePlaced, sharding()),
    )
    api.get(
      '/v1/shards/where',
      {
        config,
        schema: {
          summary: 'Where the rows of a key are, or would be',
          description: 'Of a key of several columns, `key` comes once for each, in their order.',
          tags: ['shards'],
          querystring: z.strictObject({
            table: z.string().min(1).max(200),
            key: z.union([z.string(), z.array(z.string()).max(32)]),
          }),
          response: { 200: KeyPlaceSchema, ...PROBLEMS },
        },
      },
      async ({ query }): Promise<KeyPlace> => {
        const placed = asker.requirePlaced
        const values = [query.key].flat()
        const found = await findKey(placed, query.table, values)
        if (found.kind === 'reference')
          throw new HerdError('USAGE', `${found.table} is a reference table: every shard has a full copy.`)
        const { table, shard, position } = found
        const start = fractionOf(placed.placement.map, position)
        return { table, key: values.join(', '), position: String(position), start, shard }
      },
    )
    api.get(
      '/v1/shards/compare',
      {
        config: rateLimit(2, '1 second'),
        schema: {
          summary: 'What one more shard would move',
          tags: ['shards'],
          querystring: NOTHING,
          response: { 200: AddedShardSchema, ...PROBLEMS },
        },
      },
      () => addedShard(asker.requirePlaced, sharding()),
    )
  }
}
