import type { ChangeOutcome, KeyType, PlacementComparison, ShardChange } from '@pgherd/core/sharding'
import pc from 'picocolors'
import { alignColumns } from './columns.js'

/** What `pgherd shard compare` found. */
export interface Comparison {
  readonly type: KeyType
  readonly keys: number
  readonly shards: number
  readonly virtualNodes: number
  readonly loadLimit: number | null
  readonly strategies: readonly PlacementComparison[]
}

/** Beyond this bars of single shards say less than the table does. */
const MOST_BARS = 16
const BAR_WIDTH = 40

/** The comparison as tables and bars for a terminal. */
export function renderComparison(comparison: Comparison): string {
  const { keys, type, shards, strategies } = comparison
  const parts = [
    `${pc.bold(`${count(keys)} keys of type ${type} over ${countShards(shards)}`)}\n${pc.dim(describeRing(comparison))}`,
    renderBalance(strategies),
    ...(shards > MOST_BARS ? [] : [renderShards(comparison)]),
    ...(strategies[0]?.changes ?? []).map((outcome, index) => renderChange(strategies, outcome, index)),
  ]
  return parts.join('\n\n')
}

function describeRing({ virtualNodes, loadLimit }: Comparison): string {
  const limit = loadLimit === null ? '' : `, no shard above ${loadLimit} times the mean`
  return `ring: ${count(virtualNodes)} virtual nodes a shard${limit}`
}

function renderBalance(strategies: readonly PlacementComparison[]): string {
  const head = ['STRATEGY', 'FEWEST', 'MOST', 'MEAN', 'DEVIATION', 'MOST/MEAN', 'STRETCHES'].map((name) =>
    pc.dim(name),
  )
  const rows = strategies.map(({ strategy, balance, stretches }) => [
    strategy,
    count(balance.fewest),
    count(balance.most),
    fraction(balance.mean),
    fraction(balance.deviation),
    balance.imbalance.toFixed(3),
    count(stretches),
  ])
  return alignColumns([head, ...rows], [1, 2, 3, 4, 5, 6])
}

function renderShards({ strategies }: Comparison): string {
  const most = Math.max(...strategies.map(({ balance }) => balance.most))
  const rows = strategies.flatMap(({ strategy, balance }) =>
    balance.keys.map((keys, index) => [
      index === 0 ? strategy : '',
      `s${index + 1}`,
      bar(keys / most),
      count(keys),
    ]),
  )
  return `${pc.bold('Keys of each shard')}\n${alignColumns(rows, [3])}`
}

/** The same change under each strategy; `any` is one of the outcomes, of which what is common is told. */
function renderChange(strategies: readonly PlacementComparison[], any: ChangeOutcome, index: number): string {
  const rows = strategies.map(({ strategy, changes }) => {
    const { moved, movedShare, balance } = changes[index] ?? any
    const then = `${count(moved)} keys, then ${balance.imbalance.toFixed(3)} most/mean`
    return [strategy, bar(movedShare), percent(movedShare), then]
  })
  const floor = [pc.dim('least possible'), pc.dim(bar(any.leastShare)), percent(any.leastShare), '']
  return `${pc.bold(`What moves with ${describeChange(any.change)}`)}\n${alignColumns([...rows, floor], [2])}`
}

/** `one shard more`, `2 shards fewer`. */
export function describeChange({ kind, shards }: ShardChange): string {
  const what = shards === 1 ? 'one shard' : `${shards} shards`
  return `${what} ${kind === 'add' ? 'more' : 'fewer'}`
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

function bar(share: number): string {
  const eighths = Math.round(share * BAR_WIDTH * 8)
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

function countShards(shards: number): string {
  return shards === 1 ? 'one shard' : `${shards} shards`
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

/** With a decimal where it would be missed. */
function fraction(number: number): string {
  return number < 100 ? String(Math.round(10 * number) / 10) : count(number)
}

/** `20.0 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
