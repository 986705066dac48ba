import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Pool, PoolOptions } from '../src/index.js'
import { type BreakableRelay, openBreakableRelay } from './breakable-relay.js'
import { failureOf } from './failure-of.js'
import { connect, PATIENCE_MS, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'

let herd: Herd
let dsn: string
let admin: pg.Client
const reason = new Error('enough')

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = herd.dsn('main-1')
  await (await connect(dsn)).query('create table notes (note text not null)')
}, 120_000)

beforeEach(async () => {
  admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query('truncate notes')
})

async function relayedPool(options: PoolOptions = {}): Promise<{ pool: Pool; relay: BreakableRelay }> {
  const relay = await openBreakableRelay(herd.primaryOf() as { host: string; port: number })
  const url = new URL(dsn)
  url.port = String(relay.port)
  const pool = scratchPool({ nodes: [url.href], probe: { timeoutMs: 5000 }, ...options })
  await pool.query('select 1')
  return { pool, relay }
}

async function notes(): Promise<string[]> {
  return (await admin.query('select note from notes order by note')).rows.map(({ note }) => note)
}

/** Statements of the application under way now. */
async function busy(): Promise<string[]> {
  const { rows } = await admin.query(
    `select query from pg_stat_activity where usename = 'app' and backend_type = 'client backend' and state <> 'idle'`,
  )
  return rows.map(({ query }) => query)
}

describe('a signal', () => {
  test('given before keeps everything from being sent', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const signal = AbortSignal.abort(reason)
    expect(await failureOf(pool.query({ text: "insert into notes values ('x')", signal }))).toBe(reason)
    await pool.query('select 1')
    expect(await failureOf(pool.query({ text: "insert into notes values ('x')", signal }))).toBe(reason)
    expect(await failureOf(pool.query({ text: 'select 1', signal }))).toBe(reason)
    expect(await failureOf(pool.connect({ signal }))).toBe(reason)
    expect(await notes()).toEqual([])
    expect(pool.statistics.statements.primary).toEqual({ lane: 1, own: 0 })
  })

  test('gives a read on a lane up at once; its neighbours are answered', async () => {
    const { pool, relay } = await relayedPool({ lanes: { max: 1, patienceMs: 5000 } })
    const stop = new AbortController()
    const pass = relay.hold()
    const neighbours = [1, 2].map((n) => pool.query('select $1::int as n', [n]))
    const given = pool.query({ text: "select 'given up' as n", signal: stop.signal })
    neighbours.push(pool.query('select $1::int as n', [3]))
    await until('it has been sent', () => relay.sent.includes('given up'))
    stop.abort(reason)
    expect(await failureOf(given)).toBe(reason)
    pass()
    expect((await Promise.all(neighbours)).map(({ rows }) => rows[0].n)).toEqual([1, 2, 3])
  })

  test.each([
    ['read', 'select pg_sleep(60)::text as slow'],
    ['write', "insert into notes select 'slow' from pg_sleep(60)"],
    ['text of two statements', "insert into notes values ('slow'); select pg_sleep(60)"],
  ])('cancels a %s that has a connection to itself, which is as good as before', async (_kind, text) => {
    const pool = scratchPool({ nodes: [dsn], max: 1, lanes: { max: 0 } })
    const stop = new AbortController()
    const given = pool.query({ text, signal: stop.signal })
    void failureOf(given)
    await until('it runs', async () => (await busy()).includes(text))
    stop.abort(reason)
    expect(await failureOf(given)).toBe(reason)
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect([await busy(), await notes(), pool.totalCount]).toEqual([[], [], 1])
  })

  test('that comes at any moment strikes nobody else, and what it undid is not there', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    await pool.query("insert into notes values ('first')")
    const written = ['first']
    let undone = 0
    // About as long as a write takes here and now, found by trying.
    let paceMs = 4
    for (let at = 0; at < 60; at++) {
      const stop = new AbortController()
      const text = `insert into notes select 'note ${at}' from pg_sleep(0.004)`
      const write = pool.query({ text, signal: stop.signal }).then(
        () => {
          written.push(`note ${at}`)
          paceMs /= 1.3
        },
        (error) => {
          expect(error).toBe(reason)
          undone++
          paceMs *= 1.3
        },
      )
      setTimeout(() => stop.abort(reason), (paceMs * (at % 10)) / 5)
      const next = pool.query('insert into notes select $1 from pg_sleep(0.002)', [`next ${at}`])
      await Promise.all([write, next])
      written.push(`next ${at}`)
    }
    expect(await notes()).toEqual(written.sort())
    expect(undone).toBeGreaterThan(5)
    expect(written.length).toBeGreaterThan(66)
  })

  test('gives up waiting for a connection; what was given up is never run', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const client = await pool.connect()
    const stop = new AbortController()
    const { signal } = stop
    const write = pool.query({ text: "insert into notes values ('never')", signal })
    const connecting = pool.connect({ signal })
    for (const waiting of [write, connecting]) void failureOf(waiting)
    await until('both wait', () => pool.waitingCount === 2)
    stop.abort(reason)
    expect([await failureOf(write), await failureOf(connecting)]).toEqual([reason, reason])
    client.release()
    await pool.query("insert into notes values ('next')")
    expect(await notes()).toEqual(['next'])
    await until('nobody has it', () => pool.idleCount === 1 && pool.waitingCount === 0)
  })

  test('gives up waiting for a node, and for the first answer of all', async () => {
    const probe = { intervalMs: 50, timeoutMs: 300 }
    const pool = scratchPool({ nodes: [dsn], probe, failoverWaitMs: PATIENCE_MS })
    await pool.query('select 1')
    await herd.disturb('main-1', 'pause')
    try {
      await until('it is left out', () => Object.values(pool.topology.nodes)[0]?.state === 'out')
      const fresh = scratchPool(unhurried({ nodes: [dsn] }))
      const stop = new AbortController()
      const { signal } = stop
      const all = [
        pool.query({ text: 'select 1', signal }),
        pool.query({ text: "insert into notes values ('never')", signal }),
        pool.connect({ signal }),
        pool.transaction((tx) => tx.query('select 1'), { signal }),
        fresh.query({ text: 'select 1', signal }),
        fresh.connect({ signal }),
      ].map(failureOf)
      await until('they wait', () => pool.waitingCount === 4)
      // Nothing else ends their waiting before the node goes on.
      stop.abort(reason)
      expect(await Promise.all(all)).toEqual(all.map(() => reason))
      expect(pool.waitingCount).toBe(0)
    } finally {
      await herd.disturb('main-1', 'resume')
    }
    await pool.query("insert into notes values ('next')")
    expect(await notes()).toEqual(['next'])
  })

  test('that comes too late changes nothing, and nobody listens to it any more', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const stop = new AbortController()
    for (let at = 0; at < 30; at++) {
      await pool.query({ text: 'select 1', signal: stop.signal })
      await pool.query({ text: "insert into notes values ('x')", signal: stop.signal })
      ;(await pool.connect({ signal: stop.signal })).release()
      await pool.transaction((tx) => tx.query('select 1'), { signal: stop.signal })
    }
    stop.abort(reason)
    expect((await pool.query('select count(*)::int as n from notes')).rows).toEqual([{ n: 30 }])
  })
})

describe('query_timeout', () => {
  test('of a read harms no neighbour on its lane, and it is not sent again', async () => {
    const { pool, relay } = await relayedPool({ lanes: { max: 1, patienceMs: 5000 } })
    const pass = relay.hold()
    const late = failureOf(pool.query({ text: "select 'late' as n", query_timeout: 200 } as pg.QueryConfig))
    const neighbours = [1, 2, 3].map((n) => pool.query('select $1::int as n', [n]))
    // No answer comes through before that.
    expect((await late).message).toBe('Query read timeout')
    pass()
    expect((await Promise.all(neighbours)).map(({ rows }) => rows[0].n)).toEqual([1, 2, 3])
    expect((await pool.query('select 4 as n')).rows).toEqual([{ n: 4 }])
    expect(relay.sent.split("'late'")).toHaveLength(2)
  })

  test('I3: of a write leaves its outcome unknown, and it is not sent again', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const text = "insert into notes select 'late' from pg_sleep(0.5)"
    const late = pool.query({ text, query_timeout: 100 } as pg.QueryConfig)
    expect(await failureOf(late)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await pool.query("insert into notes values ('next')")
    await until('the server is done', async () => (await busy()).length === 0)
    expect((await notes()).filter((note) => note === 'late').length).toBeLessThanOrEqual(1)
    expect(await notes()).toContain('next')
  })
})

test('a slow read that is sent away from its lane delays its neighbours by its patience only', async () => {
  const pool = scratchPool({ nodes: [dsn], lanes: { max: 1, patienceMs: 30 } })
  await pool.query('select 1')
  const locker = await connect(dsn)
  await locker.query('begin; lock table notes')
  let isAnswered = false
  const slow = pool.query("select count(*)::int as n, 'slow' from notes").then(({ rows }) => {
    isAnswered = true
    return rows[0].n
  })
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  // On a connection of its own nobody ends its waiting.
  await until('it runs elsewhere', async () => pool.totalCount > 0 && (await busy()).length === 2)
  expect(isAnswered).toBe(false)
  await locker.query('insert into notes values (1); commit')
  expect(await slow).toBe(1)
  expect(pool.statistics.lanePatienceEnded).toBeGreaterThan(0)
})
