import type { LatencySnapshot } from '@pgherd/client/internal'
import type { PoolFacts } from './proxy-facts.js'
import type { MeterFacts } from './session/batch-meter.js'

/** One entry for each user, database and node. */
export function sumPools(pools: readonly PoolFacts[]): PoolFacts[] {
  const sums = new Map<string, PoolFacts>()
  for (const pool of pools) {
    const { user, database, node, ...counts } = pool
    const key = JSON.stringify([user, database, node])
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, pool)
    else
      sums.set(key, {
        user,
        database,
        node,
        lanes: sum.lanes + counts.lanes,
        onLanes: sum.onLanes + counts.onLanes,
        own: sum.own + counts.own,
        idle: sum.idle + counts.idle,
        waiting: sum.waiting + counts.waiting,
      })
  }
  return [...sums.values()]
}

/** What two processes have counted, or one before it was started again and since. */
export function addMeters(a: MeterFacts, b: MeterFacts): MeterFacts {
  const errors = new Map(a.errors)
  for (const [kind, times] of b.errors) errors.set(kind, (errors.get(kind) ?? 0) + times)
  const byNode = new Map([...a.byNode].map(([node, counts]) => [node, { ...counts }]))
  for (const [node, { reads, writes }] of b.byNode) {
    const sum = byNode.get(node)
    if (sum === undefined) byNode.set(node, { reads, writes })
    else {
      sum.reads += reads
      sum.writes += writes
    }
  }
  const byRole = (role: 'primary' | 'standby'): { lane: number; own: number } => ({
    lane: a.batches[role].lane + b.batches[role].lane,
    own: a.batches[role].own + b.batches[role].own,
  })
  return {
    latency: addLatencies(a.latency, b.latency),
    batches: { primary: byRole('primary'), standby: byRole('standby') },
    byNode,
    errors,
    waits: { node: a.waits.node + b.waits.node, pause: a.waits.pause + b.waits.pause },
  }
}

function addLatencies(a: LatencySnapshot, b: LatencySnapshot): LatencySnapshot {
  return {
    boundsMs: a.boundsMs,
    counts: a.counts.map((count, at) => count + (b.counts[at] as number)),
    count: a.count + b.count,
    sumMs: a.sumMs + b.sumMs,
  }
}
