import type { Transaction } from '@pgherd/client'
import { anyOf, type LoadBounds, type LoadHerd } from './load-herd.js'
import { WRITE } from './load-statements.js'
import { imbalanceOf } from './percentiles.js'
import { newEventId } from './population.js'
import { runStress, type StressResult } from './stress.js'

/** Part (a): writes to the primaries. */
export interface WritesMeasured {
  /** One user with an event: one shard, one commit. */
  oneShard: StressResult
  /** Acknowledged by each shard's primary. */
  byShard: { shard: string; writes: number }[]
  /** The busiest shard over the mean. */
  imbalance: number | null
  /** Two users of different shards in one transaction: two-phase commit. */
  twoShards: StressResult
}

/** The share of the time that goes to transactions over two shards. */
const TWO_SHARDS = 0.3

export async function measureWrites(
  { pool, users }: LoadHerd,
  { callers, signal }: LoadBounds,
  ms: number,
): Promise<WritesMeasured> {
  const shards = [...users.keys()]
  const everybody = [...users].flatMap(([shard, ids]) => ids.map((id) => ({ shard, id })))
  const counts = new Map(shards.map((shard) => [shard, 0]))
  const oneShard = await runStress({
    callers,
    ms: ms * (1 - TWO_SHARDS),
    signal,
    act: async () => {
      const { shard, id } = anyOf(everybody)
      await pool.query(WRITE, [id, newEventId()])
      counts.set(shard, (counts.get(shard) ?? 0) + 1)
    },
  })
  const twoShards = await runStress({
    callers,
    ms: ms * TWO_SHARDS,
    signal,
    act: async (caller) => {
      const [one, other] = [caller % shards.length, (caller + 1) % shards.length].sort((a, b) => a - b)
      const ids = [one, other].map((at) => anyOf(users.get(shards[at as number] as string) as string[]))
      await pool.transaction(
        async (tx: Transaction) => {
          for (const id of ids) await tx.query(WRITE, [id, newEventId()])
        },
        { retry: true },
      )
    },
  })
  const byShard = [...counts].map(([shard, writes]) => ({ shard, writes }))
  return { oneShard, byShard, imbalance: imbalanceOf([...counts.values()]), twoShards }
}
