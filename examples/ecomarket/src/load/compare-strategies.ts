import { comparePlacements, type PlacementComparison } from '@pgherd/core/sharding'

/** Part (e): what modulo and consistent hashing do with the same keys. */
export interface StrategiesCompared {
  keys: number
  shards: number
  strategies: PlacementComparison[]
  /** The users that are in the herd, by shard. */
  users: { shard: string; users: number }[]
}

const KEYS = 100_000
/** The low bits of an id count within a millisecond, and say which group gave it (docs/sharding.md). */
const ID_BITS_BELOW_MS = 22n

/** Places ids as `nextId` gives them, one a millisecond from `firstId` on. Pure, and the same every time. */
export function compareStrategies(
  firstId: string,
  users: ReadonlyMap<string, readonly string[]>,
): StrategiesCompared {
  const first = BigInt(firstId)
  const keys = Array.from({ length: KEYS }, (_, at) => first + (BigInt(at) << ID_BITS_BELOW_MS))
  const shards = users.size
  const strategies = comparePlacements({
    type: 'int8',
    keys,
    shards,
    strategies: ['consistent-hash', 'modulo'],
    changes: [
      { kind: 'add', shards: 1 },
      { kind: 'remove', shards: 1 },
    ],
  })
  return {
    keys: KEYS,
    shards,
    strategies,
    users: [...users].map(([shard, ids]) => ({ shard, users: ids.length })),
  }
}
