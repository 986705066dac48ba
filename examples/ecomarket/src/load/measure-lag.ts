import { setTimeout as sleep } from 'node:timers/promises'
import { parseLsn } from '@pgherd/core'
import type pg from 'pg'
import { connectNode } from '../outbox/shard.js'
import { anyOf, type LoadBounds, type LoadHerd } from './load-herd.js'
import { WRITE } from './load-statements.js'
import { type Spread, spreadOf } from './percentiles.js'
import { newEventId } from './population.js'
import { runStress, type StressResult } from './stress.js'

/** Part (c): how far standbys are behind while there are writes. */
export interface LagMeasured {
  writes: StressResult
  standbys: StandbyLag[]
}

export interface StandbyLag {
  node: string
  /** From a place in the primary's log being written until the standby had replayed it. */
  replayMs: Spread | null
  /** Bytes of log it had yet to replay when it was asked. */
  behindBytes: Spread | null
  /** In the order of time. */
  samples: { atMs: number; replayMs: number; behindBytes: number }[]
}

/** Seldom enough that asking does not become the load. */
const SAMPLE_EVERY_MS = 200
const LOOK_EVERY_MS = 5
const GIVE_UP_MS = 10_000

export async function measureLag(herd: LoadHerd, bounds: LoadBounds, ms: number): Promise<LagMeasured> {
  const { pool, users, status, login } = herd
  const ending = new AbortController()
  const signal = AbortSignal.any([ending.signal, bounds.signal])
  const shards = (await status()).groups.filter(({ name }) => users.has(name))
  const pairs = shards.flatMap(({ nodes }) => {
    const primary = nodes.find(({ role }) => role === 'primary')
    const standbys = nodes.filter(({ role }) => role === 'standby')
    return primary === undefined ? [] : standbys.map((standby) => ({ primary, standby }))
  })
  // Before anything is written: on a busy machine it may take as long as the writes.
  const opened = await openPairs(pairs, login)
  const startedAtMs = performance.now()
  const watching = opened.map(async ({ node, clients }): Promise<StandbyLag> => {
    try {
      const samples = await watchStandby(clients, startedAtMs, signal)
      return {
        node,
        replayMs: spreadOf(samples.map(({ replayMs }) => replayMs)),
        behindBytes: spreadOf(samples.map(({ behindBytes }) => behindBytes)),
        samples,
      }
    } finally {
      await Promise.all(clients.map((client) => client.end()))
    }
  })
  const everybody = [...users.values()].flat()
  const act = async (): Promise<void> => void (await pool.query(WRITE, [anyOf(everybody), newEventId()]))
  const writes = await runStress({ callers: bounds.callers, ms, signal: bounds.signal, act })
  ending.abort()
  return { writes, standbys: await Promise.all(watching) }
}

type Place = { readonly host: string; readonly port: number }

interface Watched {
  readonly node: string
  readonly clients: readonly [primary: pg.Client, standby: pg.Client]
}

/** Connections to each standby and its primary, or none. */
async function openPairs(
  pairs: readonly { readonly primary: Place; readonly standby: Place & { readonly name: string } }[],
  login: LoadHerd['login'],
): Promise<Watched[]> {
  const clients: pg.Client[] = []
  const connect = async ({ host, port }: Place): Promise<pg.Client> => {
    const client = await connectNode(`${host}:${port}`, login)
    clients.push(client)
    return client
  }
  try {
    const opened: Watched[] = []
    for (const { primary, standby } of pairs)
      opened.push({ node: standby.name, clients: [await connect(primary), await connect(standby)] })
    return opened
  } catch (error) {
    await Promise.allSettled(clients.map((client) => client.end()))
    throw error
  }
}

async function watchStandby(
  [primary, standby]: readonly [pg.Client, pg.Client],
  startedAtMs: number,
  signal: AbortSignal,
): Promise<StandbyLag['samples']> {
  const samples: StandbyLag['samples'] = []
  while (!signal.aborted) {
    const written = await lsnOf(primary, 'pg_current_wal_lsn()')
    const askedAtMs = performance.now()
    const behindBytes = Math.max(0, written - (await lsnOf(standby, 'pg_last_wal_replay_lsn()')))
    let replayed = behindBytes === 0
    while (!replayed && performance.now() - askedAtMs < GIVE_UP_MS) {
      await sleep(LOOK_EVERY_MS)
      replayed = (await lsnOf(standby, 'pg_last_wal_replay_lsn()')) >= written
    }
    samples.push({ atMs: askedAtMs - startedAtMs, replayMs: performance.now() - askedAtMs, behindBytes })
    await sleep(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => {})
  }
  return samples
}

async function lsnOf(client: pg.Client, place: string): Promise<number> {
  const { rows } = await client.query<{ lsn: string }>(`select ${place}::text as lsn`)
  return parseLsn(rows[0]?.lsn as string)
}
