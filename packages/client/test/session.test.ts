import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import { failureOf } from './failure-of.js'
import { connect, nodesOfHerd, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]
let standbys: pg.Client[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await (await connect(herd.dsn('main-1'))).query(
    'create table counters (id int primary key, n int not null)',
  )
}, 120_000)

// No standby replays anything in these tests: who must see a write is answered by the primary, and who need
// not, by a standby that does not have it.
beforeEach(async () => {
  const setup = await connect(herd.dsn('main-1'))
  await setup.query('truncate counters; insert into counters values (1, 0)')
  standbys = await Promise.all(['main-2', 'main-3'].map((name) => connect(herd.dsn(name, 'superuser'))))
  await until('all standbys have it', async () => {
    const rows = await Promise.all(standbys.map((standby) => standby.query('select n from counters')))
    return rows.every((answer) => answer.rows[0]?.n === 0)
  })
  for (const standby of standbys) await standby.query('select pg_wal_replay_pause()')
})

afterEach(async () => {
  for (const name of ['main-2', 'main-3'])
    await (await connect(herd.dsn(name, 'superuser'))).query('select pg_wal_replay_resume()')
})

async function openPool(): Promise<Pool> {
  const pool = scratchPool(unhurried({ nodes }))
  expect(await count(pool)).toBe(0)
  return pool
}

async function count(pool: Pool): Promise<number> {
  return (await pool.query('select n from counters where id = 1')).rows[0].n
}

const set = (pool: Pool, n: number): Promise<unknown> => pool.query('update counters set n = $1', [n])

test('two sessions are independent: each sees its own writes', async () => {
  const pool = await openPool()
  let written = (): void => {}
  const hasWritten = new Promise<void>((resolve) => {
    written = resolve
  })
  const writer = pool.session(async () => {
    await set(pool, 1)
    written()
    return count(pool)
  })
  const reader = pool.session(async () => {
    await hasWritten
    return count(pool)
  })
  expect(await Promise.all([writer, reader])).toEqual([1, 0])
  // Nor is either the session of the pool itself.
  expect(await count(pool)).toBe(0)
  await set(pool, 2)
  expect(await count(pool)).toBe(2)
})

test('a session inside a session is one of its own, and the outer one goes on after it', async () => {
  const pool = await openPool()
  await pool.session(async () => {
    await set(pool, 1)
    expect(await count(pool)).toBe(1)
    await pool.session(async () => {
      expect(await count(pool)).toBe(0)
      await set(pool, 2)
      expect(await count(pool)).toBe(2)
    })
    expect(await count(pool)).toBeGreaterThanOrEqual(1)
  })
  expect(await count(pool)).toBe(0)
})

test('a session follows what is awaited in it: timers, callbacks, several at once', async () => {
  const pool = await openPool()
  await pool.session(async () => {
    await Promise.all([set(pool, 1), count(pool), count(pool)])
    expect(await new Promise((resolve) => setTimeout(() => resolve(count(pool)), 5))).toBe(1)
    expect(await new Promise((resolve) => setImmediate(() => resolve(count(pool))))).toBe(1)
    const told = new Promise((resolve) =>
      pool.query('select n from counters', (_error, answer) =>
        resolve(count(pool).then((n) => [n, answer.rows[0].n])),
      ),
    )
    expect(await told).toEqual([1, 1])
  })
})

test('sessions of two pools, one inside the other, are each their own pool’s', async () => {
  const [one, two] = [await openPool(), await openPool()]
  await one.session(() =>
    two.session(async () => {
      await set(one, 1)
      expect(await count(one)).toBe(1)
      expect(await count(two)).toBe(0)
      await set(two, 2)
      expect(await count(two)).toBe(2)
    }),
  )
  expect(await count(one)).toBe(0)
  expect(await count(two)).toBe(0)
})

test('a token makes a session of another pool see what this one wrote, and what it had seen itself', async () => {
  const [here, there, further] = [await openPool(), await openPool(), await openPool()]
  const token = await here.session(async () => {
    await set(here, 1)
    return here.sessionToken()
  })
  expect(token).toMatch(/^v1\.[0-9A-F]+-[0-9A-F]+$/)
  // Fit for a cookie and a header as it is.
  expect(encodeURIComponent(token)).toBe(token)
  const passedOn = await there.session(async () => {
    expect(await count(there)).toBe(1)
    return there.sessionToken()
  }, token)
  expect(await further.session(() => count(further), passedOn)).toBe(1)
  expect(await there.session(() => count(there))).toBe(0)
  expect(await count(there)).toBe(0)
})

test('a session that has written nothing has a token that asks for nothing', async () => {
  const pool = await openPool()
  const token = await pool.session(() => pool.sessionToken())
  expect(await pool.session(() => count(pool), token)).toBe(0)
  expect(pool.statistics.replayWaits).toBe(0)
})

test('a token of the future is answered by the primary', async () => {
  const pool = await openPool()
  await set(pool, 1)
  expect(await pool.session(() => count(pool), 'v1.FFFF-0')).toBe(1)
  const { rows } = await (await connect(herd.dsn('main-1', 'superuser'))).query(
    'select (pg_current_wal_insert_lsn() + 1000000)::text as lsn',
  )
  const ahead = `v1.${rows[0].lsn.replace('/', '-')}`
  const before = pool.statistics.statements.primary.lane
  expect(await pool.session(() => count(pool), ahead)).toBe(1)
  expect(pool.statistics.statements.primary.lane).toBe(before + 1)
})

test('a token that is none is refused, whatever is in it', async () => {
  const pool = await openPool()
  for (const token of [
    '',
    'v1.',
    'v2.0-1',
    '0/1',
    'v1.0/1/2',
    'v1.x-y',
    'v1.0-123456789A',
    'v1.-1',
    '🙂',
    'v1.0-1; drop table',
    null,
  ])
    expect(() => pool.session(() => count(pool), token as string), String(token)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: 'This is not a session token.' }),
    )
})

test('what a session’s function throws is thrown, and its answer given, also when it is no promise', async () => {
  const pool = await openPool()
  const stop = new Error('stop')
  expect(pool.session(() => 7)).toBe(7)
  expect(() =>
    pool.session(() => {
      throw stop
    }),
  ).toThrow(stop)
  expect(await failureOf(pool.session(() => Promise.reject(stop)))).toBe(stop)
})

test('I4: a session sees its write although that failed half-way or its outcome was unknown', async () => {
  const pool = await openPool()
  const failing = pool.query('begin; update counters set n = 1; commit; select 1/0')
  expect(await failureOf(failing)).toMatchObject({ code: '22012' })
  expect(await count(pool)).toBe(1)
})

test('a session that reads over and over while it writes never goes back', async () => {
  for (const standby of standbys) await standby.query('select pg_wal_replay_resume()')
  const pool = scratchPool(unhurried({ nodes, lanes: { max: 1, depth: 1 } }))
  await pool.session(async () => {
    let known = 0
    const reads: Promise<void>[] = []
    for (let n = 1; n <= 150; n++) {
      const least = known
      for (let again = 0; again < 4; again++)
        reads.push(
          count(pool).then((seen) => {
            expect(seen).toBeGreaterThanOrEqual(least)
          }),
        )
      if (n % 3 === 0) {
        await set(pool, n)
        known = n
      }
    }
    await Promise.all(reads)
  })
  expect(pool.statistics.statements.standby.lane).toBeGreaterThan(50)
})
