import { consistentHashMap } from './consistent-hash.js'
import type { KeyFamily } from './key-type.js'
import { checkPosition } from './line.js'
import { moduloMap } from './modulo.js'
import { rangeMap } from './range.js'
import type { ShardMap } from './shard-map.js'
import type { Strategy } from './strategy.js'

/** How keys are placed, as a spec says it. */
export interface PlacementPlan {
  readonly strategy: Strategy
  readonly shards: readonly string[]
  /** Of consistent hashing. */
  readonly virtualNodes: number
  readonly loadLimit: number | null
  /** Of ranges: what the keys are, and where they are split. */
  readonly keyType: KeyFamily
  readonly splits: readonly (string | number)[]
}

/** The map that a herd begins with. Throws `SHARD_MAP_INVALID`. */
export function firstShardMap(plan: PlacementPlan): ShardMap {
  const { strategy, shards, virtualNodes, loadLimit, keyType: family } = plan
  if (strategy === 'consistent-hash') return consistentHashMap(shards, { virtualNodes, loadLimit })
  if (strategy === 'modulo') return moduloMap(shards)
  const splits = plan.splits.map((split) => checkPosition({ kind: 'key', family }, String(split)))
  return rangeMap(family, shards, splits)
}
