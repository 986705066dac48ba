import type { Pool } from '@pgherd/client'
import type { HerdStatus } from '@pgherd/core'
import { locateKey, type Placement } from '@pgherd/core/sharding'
import type { Login } from '../outbox/shard.js'

/** What the parts of the load need of a herd. */
export interface LoadHerd {
  pool: Pool
  login: Login
  placement: Placement
  /** The users of the load, by shard. */
  users: ReadonlyMap<string, readonly string[]>
  status(): Promise<HerdStatus>
  /** `kill -9` of a node's server. */
  kill(node: string): Promise<void>
}

/** How the whole run is bounded. */
export interface LoadBounds {
  callers: number
  signal: AbortSignal
  tell: (line: string) => void
}

/** Users by the shard that the map says. */
export function byShard({ map }: Placement, ids: readonly string[]): Map<string, string[]> {
  const users = new Map(map.shards.map((shard): [string, string[]] => [shard, []]))
  for (const id of ids) users.get(map.shards[locateKey(map, 'int8', id)] as string)?.push(id)
  return users
}

export function anyOf<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}
