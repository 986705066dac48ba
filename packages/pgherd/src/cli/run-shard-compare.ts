import { writeFileSync } from 'node:fs'
import { HerdError } from '@pgherd/core'
import {
  comparePlacements,
  DEFAULT_VIRTUAL_NODES,
  type KeyType,
  type ShardChange,
  STRATEGIES,
  type Strategy,
} from '@pgherd/core/sharding'
import { drawComparison } from '../view/draw-comparison.js'
import { type Comparison, renderComparison } from '../view/render-comparison.js'
import { makeUpKeys, readKeys } from './sample-keys.js'

export interface CompareFlags {
  shards: number
  keys?: number
  input?: string
  type?: KeyType
  add?: number
  /** True where it was given without a number. */
  remove?: number | true
  strategy?: Strategy[]
  vnodes?: number
  loadLimit?: number
  svg?: string
  json?: boolean
}

const DEFAULT_KEYS = 100_000
/** Points on a ring; beyond this drawing it takes memory that a laptop may not have. */
const MOST_POINTS = 4_194_304

/** Compares the strategies and prints what comes out. Throws USAGE, PERMISSION_DENIED, SHARD_KEY_INVALID. */
export async function runShardCompare(flags: CompareFlags): Promise<void> {
  const changes = changesOf(flags)
  const comparison = await compare(flags, changes)
  if (flags.svg !== undefined) writePicture(flags.svg, drawComparison(comparison))
  if (flags.json) console.log(JSON.stringify(comparison))
  else console.log(renderComparison(comparison))
}

async function compare(flags: CompareFlags, changes: readonly ShardChange[]): Promise<Comparison> {
  const { shards, vnodes: virtualNodes = DEFAULT_VIRTUAL_NODES, loadLimit = null } = flags
  if (virtualNodes * (shards + (flags.add ?? 1)) > MOST_POINTS)
    throw new HerdError(
      'USAGE',
      `A ring of ${shards} shards can have at most ${Math.floor(MOST_POINTS / (shards + (flags.add ?? 1)))} virtual nodes for each; say so with --vnodes.`,
    )
  if (flags.input !== undefined && flags.keys !== undefined)
    throw new HerdError('USAGE', 'Keys are either made up (--keys) or your own (--input), not both.')
  const { type, keys } =
    flags.input === undefined
      ? makeUpKeys(flags.type ?? 'int8', flags.keys ?? DEFAULT_KEYS)
      : await readKeys(flags.input, flags.type)
  const strategies = STRATEGIES.filter((strategy) => flags.strategy?.includes(strategy) ?? true)
  const ring = { virtualNodes, loadLimit }
  const placements = comparePlacements({ type, keys, shards, strategies, changes, ring })
  return { type, keys: keys.length, shards, virtualNodes, loadLimit, strategies: placements }
}

/** One shard more and one less, unless it was said. */
function changesOf({ shards, add, remove }: CompareFlags): ShardChange[] {
  const less = remove === true ? 1 : remove
  if (less !== undefined && less >= shards)
    throw new HerdError(
      'USAGE',
      `Of ${shards} ${shards === 1 ? 'shard' : 'shards'} ${less} cannot go: one must stay.`,
    )
  const said = add !== undefined || less !== undefined
  const added = said ? add : 1
  const removed = said || shards === 1 ? less : 1
  return [
    ...(added === undefined ? [] : [{ kind: 'add', shards: added } as const]),
    ...(removed === undefined ? [] : [{ kind: 'remove', shards: removed } as const]),
  ]
}

function writePicture(file: string, svg: string): void {
  try {
    writeFileSync(file, svg)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new HerdError('PERMISSION_DENIED', `The picture ${file} cannot be written (${code}).`, { cause })
  }
}
