import { readFile } from 'node:fs/promises'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { temporaryFolder } from '../state-folder.js'
import { splitStatements } from '../users/load-users-herd.js'
import { anyOf, type LoadBounds, type LoadHerd } from './load-herd.js'
import { READ, WRITE } from './load-statements.js'
import { type FailoverMeasured, type FailoverTarget, measureFailover } from './measure-failover.js'
import { newEventId, putUsers } from './population.js'
import { joinResults, runStress, type StressResult } from './stress.js'

/** Part (f): one plain PostgreSQL server with `pg.Pool`, and the herd, turn and turn about. */
export interface SingleMeasured {
  writes: Compared
  reads: Compared
  /** The single server is killed like the herd's primary; its supervisor starts it again. */
  failover: FailoverMeasured
}

export interface Compared {
  herd: StressResult
  single: StressResult
  /** The herd over the single database. */
  ratio: number
}

const SCHEMA = new URL('../../users.sql', import.meta.url)
const SPEC = `
name: ecomarket-single
database: ecomarket
port: auto
proxy: false
groups: [{ name: main, nodes: 1, durability: fast }]
`
const ROUNDS = 2
/** Of the time: for writes, for reads and for the kill. */
const SHARES = { writes: 0.3, reads: 0.3, failover: 0.4 }

/** `callersPerShard`: as many in all as the failover of the herd had. */
export async function measureSingle(
  herd: LoadHerd,
  bounds: LoadBounds & { callersPerShard: number },
  ms: number,
): Promise<SingleMeasured> {
  const ids = [...herd.users.values()].flat()
  const state = await temporaryFolder()
  try {
    await using single = await openHerd({
      spec: parseSpec(SPEC, 'the single database'),
      stateDir: state.path,
    })
    await single.whenWhole()
    const pool = new pg.Pool({ connectionString: single.dsn(), max: bounds.callers })
    // The server is killed later on.
    pool.on('error', () => {})
    try {
      for (const statement of splitStatements(await readFile(SCHEMA, 'utf8'))) await pool.query(statement)
      await putUsers(pool, ids)
      return await compare({ herd, single, pool, ids, bounds, ms })
    } finally {
      await pool.end()
    }
  } finally {
    await state.remove()
  }
}

interface Comparing {
  herd: LoadHerd
  single: Herd
  pool: pg.Pool
  ids: readonly string[]
  bounds: LoadBounds & { callersPerShard: number }
  ms: number
}

async function compare({ herd, single, pool, ids, bounds, ms }: Comparing): Promise<SingleMeasured> {
  const write = async (on: pg.Pool): Promise<void> => void (await on.query(WRITE, [anyOf(ids), newEventId()]))
  const read = async (on: pg.Pool): Promise<void> => void (await on.query(READ, [anyOf(ids)]))
  const inTurn = async (act: (on: pg.Pool) => Promise<void>, share: number): Promise<Compared> => {
    const results: { herd: StressResult[]; single: StressResult[] } = { herd: [], single: [] }
    const { callers, signal } = bounds
    for (let round = 0; round < ROUNDS; round++) {
      const stretch = { callers, signal, ms: (ms * share) / 2 / ROUNDS }
      results.herd.push(await runStress({ ...stretch, act: () => act(herd.pool) }))
      results.single.push(await runStress({ ...stretch, act: () => act(pool) }))
    }
    const [ofHerd, ofSingle] = [joinResults(results.herd), joinResults(results.single)]
    return { herd: ofHerd, single: ofSingle, ratio: ofHerd.perSecond / ofSingle.perSecond }
  }
  return {
    writes: await inTurn(write, SHARES.writes),
    reads: await inTurn(read, SHARES.reads),
    failover: await measureFailover(singleTarget(single, pool, ids), {
      callersPerShard: bounds.callersPerShard * herd.users.size,
      ms: ms * SHARES.failover,
      signal: bounds.signal,
    }),
  }
}

function singleTarget(single: Herd, pool: pg.Pool, ids: readonly string[]): FailoverTarget {
  return {
    users: new Map([['main', ids]]),
    write: async (userId, eventId) => void (await pool.query(WRITE, [userId, eventId])),
    findEvents: async (userIds) => {
      const { rows } = await pool.query<{ id: string }>('select id from outbox where user_id = any ($1)', [
        userIds,
      ])
      return new Set(rows.map(({ id }) => id))
    },
    primaryOf: async () => 'main-1',
    kill: (node) => single.disturb(node, 'kill'),
    isWhole: async () => single.isWhole(),
  }
}
