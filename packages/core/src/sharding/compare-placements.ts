import { addToRing, consistentHashMap, type RingOptions, removeFromRing } from './consistent-hash.js'
import { familyOf, type KeyType, type KeyValue } from './key-type.js'
import type { Position } from './line.js'
import { locateKey, positionOf } from './locate-key.js'
import { moduloMap } from './modulo.js'
import { moveStretches, withoutShard, withShard } from './move-stretch.js'
import { proposeMoves } from './propose-moves.js'
import { proposeSplits } from './propose-splits.js'
import { rangeMap } from './range.js'
import type { ShardMap } from './shard-map.js'
import type { Strategy } from './strategy.js'

/** Shards that come, or go. */
export interface ShardChange {
  readonly kind: 'add' | 'remove'
  readonly shards: number
}

export interface ComparisonInput {
  readonly type: KeyType
  readonly keys: readonly KeyValue[]
  /** How many shards there are before a change. */
  readonly shards: number
  readonly strategies: readonly Strategy[]
  readonly changes: readonly ShardChange[]
  readonly ring?: RingOptions
}

/** How evenly keys are spread. */
export interface Balance {
  /** Keys of each shard, in the order of the shards. */
  readonly keys: readonly number[]
  readonly fewest: number
  readonly most: number
  readonly mean: number
  /** The standard deviation of the shards. */
  readonly deviation: number
  /** The fullest shard over the mean; 1 is perfect. */
  readonly imbalance: number
}

export interface ChangeOutcome {
  readonly change: ShardChange
  /** Keys that have another shard afterwards, as a number and as a fraction of all. */
  readonly moved: number
  readonly movedShare: number
  /** The fraction that has to move, so that all are even afterwards. */
  readonly leastShare: number
  readonly balance: Balance
}

export interface PlacementComparison {
  readonly strategy: Strategy
  readonly stretches: number
  readonly balance: Balance
  readonly changes: readonly ChangeOutcome[]
}

/** Places the same keys under each strategy, before and after each change, and counts. */
export function comparePlacements(input: ComparisonInput): PlacementComparison[] {
  const names = nameShards(1, input.shards)
  return input.strategies.map((strategy) => {
    const planner = PLANNERS[strategy](input)
    const before = planner.initial(names)
    const owners = placeAll(before, input)
    const changes = input.changes.map((change) => outcomeOf(change, planner, before, owners, input))
    return { strategy, stretches: before.owners.length, balance: balanceOf(before, owners), changes }
  })
}

function outcomeOf(
  change: ShardChange,
  planner: Planner,
  before: ShardMap,
  ownersBefore: Uint16Array,
  input: ComparisonInput,
): ChangeOutcome {
  const after = planner[change.kind](before, namesInChange(change, input.shards))
  const owners = placeAll(after, input)
  const moved = owners.reduce(
    (sum, owner, index) =>
      sum + (after.shards[owner] === before.shards[ownersBefore[index] as number] ? 0 : 1),
    0,
  )
  const { length } = input.keys
  const shardsAfter = change.kind === 'add' ? input.shards + change.shards : input.shards
  return {
    change,
    moved,
    movedShare: length === 0 ? 0 : moved / length,
    leastShare: change.shards / shardsAfter,
    balance: balanceOf(after, owners),
  }
}

/** New shards get the next names; of those there are the last go. */
function namesInChange({ kind, shards }: ShardChange, there: number): string[] {
  return kind === 'add' ? nameShards(there + 1, shards) : nameShards(there - shards + 1, shards)
}

function nameShards(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `s${first + index}`)
}

function placeAll(map: ShardMap, { type, keys }: ComparisonInput): Uint16Array {
  return Uint16Array.from(keys, (key) => locateKey(map, type, key))
}

function balanceOf(map: ShardMap, owners: Uint16Array): Balance {
  const keys = map.shards.map(() => 0)
  for (const owner of owners) keys[owner] = (keys[owner] as number) + 1
  const mean = owners.length / keys.length
  const variance = keys.reduce((sum, count) => sum + (count - mean) ** 2, 0) / keys.length
  const most = Math.max(...keys)
  return {
    keys,
    fewest: Math.min(...keys),
    most,
    mean,
    deviation: Math.sqrt(variance),
    imbalance: mean === 0 ? 1 : most / mean,
  }
}

/** What a strategy does when the herd is made and when shards come and go. */
interface Planner {
  initial(shards: readonly string[]): ShardMap
  add(map: ShardMap, shards: readonly string[]): ShardMap
  remove(map: ShardMap, shards: readonly string[]): ShardMap
}

const PLANNERS: Record<Strategy, (input: ComparisonInput) => Planner> = {
  'consistent-hash': ({ ring }) => ({
    initial: (shards) => consistentHashMap(shards, ring),
    add: (map, shards) => shards.reduce((grown, shard) => addToRing(grown, shard, ring), map),
    remove: (map, shards) => shards.reduce((shrunk, shard) => removeFromRing(shrunk, shard, ring), map),
  }),
  modulo: () => ({
    initial: moduloMap,
    add: (map, shards) => moduloMap([...map.shards, ...shards]),
    remove: (map, shards) => moduloMap(map.shards.filter((shard) => !shards.includes(shard))),
  }),
  range: (input) => {
    const family = familyOf(input.type)
    const line = { kind: 'key', family } as const
    const samples: Position[] = input.keys.map((key) => positionOf(line, input.type, key))
    return {
      initial: (shards) => rangeMap(family, shards, proposeSplits(samples, shards.length)),
      add: (map, shards) => {
        const grown = shards.reduce(withShard, map)
        return moveStretches(grown, proposeMoves(grown, samples, { loadLimit: 1 }).moves)
      },
      remove: (map, shards) => {
        const { moves } = proposeMoves(map, samples, { loadLimit: 1, leaving: shards })
        return shards.reduce(withoutShard, moveStretches(map, moves))
      },
    }
  },
}
