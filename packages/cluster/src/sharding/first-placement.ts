import { HerdError } from '@pgherd/core'
import { firstShardMap, type PlacedGroup, type PlacedTable, type Placement } from '@pgherd/core/sharding'
import type { ShardingSpec } from '@pgherd/core/spec'
import { hostAndPort } from '../dsn.js'
import type { Node } from '../supervisor/node.js'
import { MOST_GROUPS } from './placement-objects.js'

/** The placement that a herd begins with. Throws SHARD_MAP_INVALID, NOT_SUPPORTED. */
export function firstPlacement(sharding: ShardingSpec, groups: readonly PlacedGroup[]): Placement {
  if (groups.length > MOST_GROUPS)
    throw new HerdError(
      'NOT_SUPPORTED',
      `A sharded herd has at most ${MOST_GROUPS} groups, not ${groups.length}.`,
    )
  return {
    map: firstShardMap({ ...sharding, shards: sharding.groups }),
    tables: placedTables(sharding),
    groups,
    home: sharding.home,
  }
}

export function placedTables({ tables }: ShardingSpec): Record<string, PlacedTable> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [
      name,
      { kind: table.kind, key: table.kind === 'sharded' ? table.key : [] },
    ]),
  )
}

/** The groups of a herd with how their nodes are reached, in the order of the spec. */
export function placedGroups(names: readonly string[], nodes: readonly Node[]): PlacedGroup[] {
  return names.map((name) => ({
    name,
    nodes: nodes.filter(({ group }) => group === name).map(({ server }) => hostAndPort(server.address)),
  }))
}
