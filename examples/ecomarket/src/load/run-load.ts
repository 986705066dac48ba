import { arch, cpus, platform, release, totalmem } from 'node:os'
import { HerdError, type Pool } from '@pgherd/client'
import { fetchPlacement } from '../herd/fetch-placement.js'
import type { FoundHerd } from '../herd/find-herd.js'
import { readLogin } from '../outbox/shard.js'
import { compareStrategies } from './compare-strategies.js'
import { anyOf, byShard, type LoadBounds, type LoadHerd } from './load-herd.js'
import type { LoadReport } from './load-report.js'
import { WRITE } from './load-statements.js'
import { type FailoverTarget, measureFailover } from './measure-failover.js'
import { measureLag } from './measure-lag.js'
import { measureReads } from './measure-reads.js'
import { measureSingle } from './measure-single.js'
import { measureWrites } from './measure-writes.js'
import { newEventId, newUserIds, putUsers, removeUsers } from './population.js'
import { runStress } from './stress.js'

export interface LoadOptions extends LoadBounds {
  /** Of all parts together; what it takes to begin and to end comes on top. */
  seconds: number
}

/** The herd that is put under load, and whoever can kill its nodes. */
export type LoadedHerd = Pick<FoundHerd, 'dsn' | 'wasRunning'> & {
  control: Pick<FoundHerd['control'], 'topology' | 'chaos'>
}

const CALLERS_PER_SHARD = 4
const WARM_UP_MS = 1000
/** How the time is shared out. (e) takes what it takes, some two seconds. */
const SHARES = { writes: 0.2, reads: 0.2, lag: 0.12, failover: 0.18, single: 0.3 }

/** Runs the six parts one after the other. Rejects when it is interrupted. */
export async function runLoad(found: LoadedHerd, pool: Pool, options: LoadOptions): Promise<LoadReport> {
  const { seconds, callers, signal, tell } = options
  const at = new Date()
  const startedAtMs = performance.now()
  const placement = await fetchPlacement(pool)
  const ids = await newUserIds(pool)
  tell(`${ids.length} users are put on ${placement.map.shards.length} shards for the time of the load`)
  try {
    await putUsers(pool, ids)
    const herd: LoadHerd = {
      pool,
      login: readLogin(found.dsn),
      placement,
      users: byShard(placement, ids),
      status: () => found.control.topology(),
      kill: async (node) => void (await found.control.chaos(node, 'kill')),
    }
    const { groups, name } = await herd.status()
    await warmUp(herd, options)
    const part = async <T>(title: string, share: number, run: (ms: number) => Promise<T> | T): Promise<T> => {
      signal.throwIfAborted()
      tell(title)
      return run(share * seconds * 1000)
    }
    const writes = await part('(a) writes', SHARES.writes, (ms) => measureWrites(herd, options, ms))
    const reads = await part('(b) reads', SHARES.reads, (ms) => measureReads(herd, options, ms))
    const lag = await part('(c) replication lag', SHARES.lag, (ms) => measureLag(herd, options, ms))
    const failover = await part('(d) failover', SHARES.failover, (ms) =>
      measureFailover(herdTarget(herd), { callersPerShard: CALLERS_PER_SHARD, ms, signal }),
    )
    const strategies = await part('(e) modulo and consistent hashing', 0, () =>
      compareStrategies(ids[0] as string, herd.users),
    )
    const single = await part('(f) a single database beside the herd', SHARES.single, (ms) =>
      measureSingle(herd, { ...options, callersPerShard: CALLERS_PER_SHARD }, ms),
    )
    signal.throwIfAborted()
    return {
      at: at.toISOString(),
      machine: describeMachine(),
      herd: {
        name,
        wasRunning: found.wasRunning,
        groups: groups.map((group) => ({ ...group, nodes: group.nodes.length })).map(pickGroup),
      },
      run: { seconds, tookSeconds: (performance.now() - startedAtMs) / 1000, callers, users: ids.length },
      writes,
      reads,
      lag,
      failover,
      strategies,
      single,
    }
  } finally {
    tell('the users of the load are taken away again')
    await removeUsers(pool, ids)
  }
}

function pickGroup({ name, nodes, durability }: LoadReport['herd']['groups'][number]) {
  return { name, nodes, durability }
}

/** Connections are opened and statements understood. */
async function warmUp({ pool, users }: LoadHerd, { callers, signal }: LoadBounds): Promise<void> {
  const ids = [...users.values()].flat()
  const act = async (): Promise<void> => void (await pool.query(WRITE, [anyOf(ids), newEventId()]))
  await runStress({ callers, ms: WARM_UP_MS, signal, act })
}

function herdTarget({ pool, users, status, kill }: LoadHerd): FailoverTarget {
  return {
    users,
    write: async (userId, eventId) => void (await pool.query(WRITE, [userId, eventId])),
    findEvents: async (userIds) => {
      const { rows } = await pool.query<{ id: string }>({
        text: 'select id from outbox where user_id = any ($1::bigint[])',
        values: [userIds],
        consistency: 'primary',
      })
      return new Set(rows.map(({ id }) => id))
    },
    primaryOf: async (shard) => {
      const { groups } = await status()
      const primary = groups.find(({ name }) => name === shard)?.nodes.find(({ role }) => role === 'primary')
      if (primary === undefined) throw new HerdError('NO_PRIMARY', `${shard} has no primary to kill.`)
      return primary.name
    },
    kill,
    isWhole: async () => {
      const { groups } = await status()
      return groups.every(
        ({ phase, nodes }) =>
          phase === 'steady' && nodes.every(({ role, state }) => state === 'running' && role !== 'none'),
      )
    },
  }
}

function describeMachine(): LoadReport['machine'] {
  const [cpu] = cpus()
  return {
    cores: cpus().length,
    cpu: cpu?.model.trim() ?? '',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()} ${release()}`,
    node: process.version,
  }
}
