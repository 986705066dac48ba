import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { GroupEvent, Pool, PoolOptions } from '../src/index.js'
import { connect, nodesOfHerd, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]
/** The superuser on each standby: the first is `main-2`. */
let standbys: pg.Client[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const setup = await connect(herd.dsn('main-1'))
  await setup.query('create table counters (id int primary key, n int not null)')
}, 120_000)

beforeEach(async () => {
  const setup = await connect(herd.dsn('main-1'))
  await setup.query('truncate counters; insert into counters values (1, 0)')
  standbys = await Promise.all(['main-2', 'main-3'].map((name) => connect(herd.dsn(name, 'superuser'))))
  await until('all standbys have it', async () => {
    const rows = await Promise.all(standbys.map((standby) => standby.query('select n from counters')))
    return rows.every((answer) => answer.rows[0]?.n === 0)
  })
})

afterEach(async () => {
  for (const name of ['main-2', 'main-3'])
    await (await connect(herd.dsn(name, 'superuser'))).query('select pg_wal_replay_resume()')
})

const pauseReplay = (standby: pg.Client | undefined): Promise<unknown> =>
  (standby as pg.Client).query('select pg_wal_replay_pause()')
const resumeReplay = (standby: pg.Client | undefined): Promise<unknown> =>
  (standby as pg.Client).query('select pg_wal_replay_resume()')

function watchedPool(options: PoolOptions = {}): { pool: Pool; events: GroupEvent[] } {
  const pool = scratchPool(unhurried({ nodes, ...options }))
  const events: GroupEvent[] = []
  for (const kind of ['lag', 'node-out', 'node-back', 'failover'] as const)
    pool.on(kind, (event) => events.push(event))
  return { pool, events }
}

async function count(
  pool: Pool,
  more: { consistency?: 'eventual' | 'session' | { bounded: { maxStalenessMs: number } } } = {},
): Promise<number> {
  const { rows } = await pool.query({ text: 'select n from counters where id = 1', ...more })
  return rows[0].n
}

const raise = (pool: Pool): Promise<unknown> => pool.query('update counters set n = n + 1 where id = 1')

test('I4: with one standby that replays nothing, a session reads its writes from the other', async () => {
  // More reads at once than the primary is given.
  const { pool } = watchedPool({ lanes: { max: 1, depth: 1 } })
  await count(pool)
  await pauseReplay(standbys[0])
  for (let n = 1; n <= 50; n++) {
    await raise(pool)
    const seen = await Promise.all(Array.from({ length: 6 }, () => count(pool)))
    expect(new Set(seen)).toEqual(new Set([n]))
  }
  expect((await (standbys[0] as pg.Client).query('select n from counters')).rows).toEqual([{ n: 0 }])
  expect(pool.statistics.statements.standby.lane).toBeGreaterThan(25)
})

test('I4: with no standby that replays, the primary answers a session, and others still are answered by standbys', async () => {
  const { pool } = watchedPool()
  await count(pool)
  for (const standby of standbys) await pauseReplay(standby)
  for (let n = 1; n <= 10; n++) {
    await raise(pool)
    expect(await count(pool)).toBe(n)
  }
  expect(pool.statistics.statements.primary.lane).toBeGreaterThanOrEqual(10)
  expect(await pool.session(() => count(pool))).toBe(0)
  expect(await count(pool, { consistency: 'eventual' })).toBe(0)
})

test('I4: a transaction’s write and a write by connect() count as the session’s, in whatever order they are sent', async () => {
  const { pool } = watchedPool()
  await count(pool)
  for (const standby of standbys) await pauseReplay(standby)
  await pool.transaction(async (tx) => {
    await tx.query('update counters set n = 1')
  })
  expect(await count(pool)).toBe(1)
  const client = await pool.connect()
  // The answer of the first comes before the second, which is what writes, has been sent.
  await Promise.all([client.query('select 1'), client.query('update counters set n = 2')])
  expect(await count(pool)).toBe(2)
  await client.query('begin')
  await client.query('update counters set n = 3')
  await client.query('commit')
  expect(await count(pool)).toBe(3)
  await client.query('begin; update counters set n = 4; commit')
  expect(await count(pool)).toBe(4)
  client.release()
  await pool.query('do $$ begin update counters set n = 5; end $$')
  expect(await count(pool)).toBe(5)
  const { rows } = await pool.transaction((tx) => tx.query('select n from counters'), { readOnly: true })
  expect(rows).toEqual([{ n: 5 }])
})

test('`bounded` shows everything that is older than it says, and asks a standby for the rest', async () => {
  const { pool } = watchedPool({ probe: { intervalMs: 50 } })
  await count(pool)
  for (const standby of standbys) await pauseReplay(standby)
  await raise(pool)
  const writtenMs = performance.now()
  const maxStalenessMs = 1500
  const bounded = { consistency: { bounded: { maxStalenessMs } } }
  let old = 0
  while (performance.now() - writtenMs < 2 * maxStalenessMs) {
    const ageMs = performance.now() - writtenMs
    const n = await count(pool, bounded)
    if (n === 0) old++
    if (ageMs > maxStalenessMs) expect(n, `${ageMs} ms after the write`).toBe(1)
  }
  expect(old).toBeGreaterThan(0)
  expect(await count(pool, { consistency: { bounded: { maxStalenessMs: 0 } } })).toBe(1)
  expect(await count(pool, { consistency: { bounded: { maxStalenessMs: 600_000 } } })).toBe(0)
})

test('a standby that is more than maxLagMs behind is left out, said to be, and comes back by itself', async () => {
  const { pool, events } = watchedPool({ maxLagMs: 400, probe: { intervalMs: 50 }, consistency: 'eventual' })
  await count(pool)
  const late = new URL(nodes[1] as string).host
  await pauseReplay(standbys[0])
  await until('it is left out', async () => {
    await raise(pool)
    return events.some(({ kind, node }) => kind === 'node-out' && node === late)
  })
  // On a busy machine the other may be late for a moment too.
  const told = events.filter(({ node }) => node === late)
  expect(told.map(({ kind }) => kind)).toEqual(['lag', 'node-out'])
  expect(told[0]?.message).toMatch(/ is \d+ ms behind and gets no reads\.$/)
  expect(pool.topology.nodes[late]).toMatchObject({ state: 'out', why: 'it lags too far behind' })
  // Reads that may be as old as they like do not see it any more either.
  for (let at = 0; at < 20; at++) expect(await count(pool)).toBeGreaterThan(0)
  await resumeReplay(standbys[0])
  await until('it is back', () => events.some(({ kind, node }) => kind === 'node-back' && node === late))
  expect(pool.topology.nodes[late]).toMatchObject({ state: 'in', why: null })
})

test('with all standbys too far behind the primary answers, until they are back', async () => {
  const { pool } = watchedPool({ maxLagMs: 400, probe: { intervalMs: 50 }, consistency: 'eventual' })
  await count(pool)
  for (const standby of standbys) await pauseReplay(standby)
  await until('both are left out', async () => {
    await raise(pool)
    return Object.values(pool.topology.nodes).every(
      ({ role, state }) => role === 'primary' || state === 'out',
    )
  })
  const before = pool.statistics.statements
  const n = await count(pool)
  expect((await (await connect(herd.dsn('main-1'))).query('select n from counters')).rows).toEqual([{ n }])
  expect(pool.statistics.statements.standby.lane).toBe(before.standby.lane)
  for (const standby of standbys) await resumeReplay(standby)
  await until('both are back', () => Object.values(pool.topology.nodes).every(({ state }) => state === 'in'))
  // A standby that is back need not have all of it yet.
  await until('one answers, with all of it', async () => (await count(pool)) === n)
  expect(pool.statistics.statements.standby.lane).toBeGreaterThan(before.standby.lane)
})
