import type { Consistency, PoolStatistics } from '@pgherd/client'
import { type CountedNode, countScans, whenCounted } from './count-scans.js'
import { anyOf, type LoadBounds, type LoadHerd } from './load-herd.js'
import { READ, READ_STOCK } from './load-statements.js'
import { imbalanceOf } from './percentiles.js'
import { joinResults, runStress, type StressResult } from './stress.js'

/** Part (b): the same reads asked of the primaries, and of the standbys. */
export interface ReadsMeasured {
  /** Users by their key, from the shards: a standby each. */
  users: ReadsCompared
  /** The stock of a product, from home: two standbys share it. */
  stock: ReadsCompared
}

export interface ReadsCompared {
  primaries: StressResult
  standbys: StressResult
  /** Reads of standbys a second, over those of primaries. */
  scale: number
  /** Which role answered when standbys were asked, by the word of the pool. */
  answered: { primary: number; standby: number }
  /** Reads of each standby, by its own count. */
  byNode: { node: string; reads: number }[]
  /** The busiest standby over the mean of them. */
  imbalance: number | null
}

/** What is read, and of which groups. */
interface Reading {
  table: string
  groups: readonly string[]
  next: () => { text: string; values: unknown[] }
}

const PRODUCTS = 1000
/** Turn and turn about, so that what else the machine does meets both alike. */
const ROUNDS = 2
const NUDGE_MS = 50

export async function measureReads(herd: LoadHerd, bounds: LoadBounds, ms: number): Promise<ReadsMeasured> {
  const everybody = [...herd.users.values()].flat()
  const users: Reading = {
    table: 'users',
    groups: [...herd.users.keys()],
    next: () => ({ text: READ, values: [anyOf(everybody)] }),
  }
  const stock: Reading = {
    table: 'inventory',
    groups: [herd.placement.home],
    next: () => ({ text: READ_STOCK, values: [1 + Math.floor(Math.random() * PRODUCTS)] }),
  }
  return {
    users: await compareReads(herd, bounds, ms / 2, users),
    stock: await compareReads(herd, bounds, ms / 2, stock),
  }
}

async function compareReads(
  herd: LoadHerd,
  { callers, signal }: LoadBounds,
  ms: number,
  { table, groups, next }: Reading,
): Promise<ReadsCompared> {
  const { pool, login } = herd
  const stress = (consistency: Consistency, forMs: number): Promise<StressResult> => {
    const act = async (): Promise<void> => void (await pool.query({ ...next(), consistency }))
    return runStress({ callers, ms: forMs, signal, act })
  }
  const standbys = await standbysOf(herd, groups)
  const before = await countScans(standbys, login, table)
  const results: Record<'primaries' | 'standbys', StressResult[]> = { primaries: [], standbys: [] }
  const answered = { primary: 0, standby: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    results.primaries.push(await stress('primary', ms / 2 / ROUNDS))
    const earlier = countRoles(pool.statistics)
    results.standbys.push(await stress('eventual', ms / 2 / ROUNDS))
    const later = countRoles(pool.statistics)
    answered.primary += later.primary - earlier.primary
    answered.standby += later.standby - earlier.standby
  }
  await whenCounted(() => stress('eventual', NUDGE_MS))
  const after = await countScans(standbys, login, table)
  const byNode = standbys.map(({ name }) => ({
    node: name,
    reads: (after.get(name) ?? 0) - (before.get(name) ?? 0),
  }))
  const [fromPrimaries, fromStandbys] = [joinResults(results.primaries), joinResults(results.standbys)]
  return {
    primaries: fromPrimaries,
    standbys: fromStandbys,
    scale: fromStandbys.perSecond / fromPrimaries.perSecond,
    answered,
    byNode,
    imbalance: imbalanceOf(byNode.map(({ reads }) => reads)),
  }
}

async function standbysOf({ status }: LoadHerd, groups: readonly string[]): Promise<CountedNode[]> {
  return (await status()).groups
    .filter(({ name }) => groups.includes(name))
    .flatMap(({ nodes }) => nodes.filter(({ role }) => role === 'standby'))
}

function countRoles({ statements }: PoolStatistics): { primary: number; standby: number } {
  const { primary, standby } = statements
  return { primary: primary.lane + primary.own, standby: standby.lane + standby.own }
}
