import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Pool, PoolOptions } from '../src/index.js'
import { type BreakableRelay, openBreakableRelay } from './breakable-relay.js'
import { failureOf } from './failure-of.js'
import { connect, scratchHerd, scratchPool, until } from './scratch-herd.js'

let herd: Herd
let dsn: string
let admin: pg.Client

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = herd.dsn(herd.primaryOf()?.name)
  const setup = await connect(dsn)
  await setup.query('create table notes (note text not null); create table seen (pid int)')
}, 120_000)

beforeEach(async () => {
  admin = await connect(herd.dsn(herd.primaryOf()?.name, 'superuser'))
  await admin.query('truncate notes')
})

/** A pool that knows the server only by way of the relay. */
async function relayedPool(options: PoolOptions = {}): Promise<{ pool: Pool; relay: BreakableRelay }> {
  const relay = await openBreakableRelay(herd.primaryOf() as { host: string; port: number })
  const url = new URL(dsn)
  url.port = String(relay.port)
  const pool = scratchPool({ nodes: [url.href], ...options })
  await pool.query('select 1')
  return { pool, relay }
}

async function notes(): Promise<string[]> {
  const { rows } = await admin.query('select note from notes order by note')
  return rows.map(({ note }) => note)
}

/** Sessions of the application's role, by what they run. */
async function sessions(): Promise<string[]> {
  const { rows } = await admin.query(
    `select query from pg_stat_activity where usename = 'app' and backend_type = 'client backend' and state <> 'idle'`,
  )
  return rows.map(({ query }) => query)
}

const COMES_AGAIN = { after: 1, before: 0 }

describe.each(['before', 'after'] as const)('cut %s the server has it', (when) => {
  const isThere = when === 'after'

  test('I3: a write gives OUTCOME_UNKNOWN, says what, and is not sent again', async () => {
    const { pool, relay } = await relayedPool()
    void relay.cut('mark-write', when)
    const error = await failureOf(pool.query("insert into notes values ('mark-write')"))
    expect(error).toBeInstanceOf(HerdError)
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
    expect(error.message).toMatch(
      /^While INSERT was under way the connection ended \(.+\); it may or may not have taken effect\.$/,
    )
    expect((error as HerdError).hint).toMatch(/before you send it again/)
    expect(await notes()).toHaveLength(COMES_AGAIN[when])
    expect(pool.statistics).toMatchObject({ unknown: 1, repeats: 0 })
    // The pool goes on.
    await pool.query("insert into notes values ('next')")
    expect(await notes()).toContain('next')
  })

  test('I3: a write of values, of several statements, or under a policy is no different', async () => {
    const policies = { quick: { synchronousCommit: 'local' } } as const
    const { pool, relay } = await relayedPool({ policies })
    const write = 'insert into notes values ($1)'
    const runs: (() => Promise<unknown>)[] = [
      () => pool.query(write, ['mark-0']),
      () => pool.query("insert into notes values ('mark-1'); insert into notes values ('mark-1')"),
      () => pool.with('quick').query(write, ['mark-2']),
      () => pool.query({ name: 'named', text: write, values: ['mark-3'] }),
      () => pool.query("with w as (insert into notes values ('mark-4') returning note) select * from w"),
    ]
    for (const [at, run] of runs.entries()) {
      void relay.cut(`mark-${at}`, when)
      expect(await failureOf(run())).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    }
    expect(await notes()).toEqual(isThere ? ['mark-0', 'mark-1', 'mark-1', 'mark-2', 'mark-3', 'mark-4'] : [])
  })

  test('a read is run again, on a lane and on a connection of its own', async () => {
    const { pool, relay } = await relayedPool()
    void relay.cut('mark-lane', when)
    expect((await pool.query("select 'mark-lane' as mark")).rows).toEqual([{ mark: 'mark-lane' }])
    const { pool: without, relay: second } = await relayedPool({ lanes: { max: 0 } })
    void second.cut('mark-own', when)
    expect((await without.query("select 'mark-own' as mark")).rows).toEqual([{ mark: 'mark-own' }])
    expect([pool.statistics.repeats, without.statistics.repeats]).toEqual([1, 1])
  })

  test('neighbours of a read that is cut off are answered all the same', async () => {
    const { pool, relay } = await relayedPool({ lanes: { max: 1 } })
    void relay.cut('mark-among', when)
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        pool.query(at === 10 ? "select 10 as n, 'mark-among'" : `select ${at} as n`),
      ),
    )
    expect(all.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 20 }, (_, at) => at))
  })

  test('I3: a COMMIT gives OUTCOME_UNKNOWN, and `retry` does not run the transaction again', async () => {
    const { pool, relay } = await relayedPool()
    let tries = 0
    const error = await failureOf(
      pool.transaction(
        async (tx) => {
          tries++
          await tx.query("insert into notes values ('committed')")
          void relay.cut('COMMIT', when)
        },
        { retry: true },
      ),
    )
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(error.message).toMatch(
      /^The connection ended while COMMIT was under way \(.+\); the transaction may or may not/,
    )
    expect(tries).toBe(1)
    expect(await notes()).toHaveLength(COMES_AGAIN[when])
    expect(pool.statistics.unknown).toBe(1)
  })

  test('a statement inside a transaction undoes all of it, and `retry` runs it again', async () => {
    const { pool, relay } = await relayedPool()
    const run = (retry: boolean): Promise<number> => {
      let tries = 0
      return pool.transaction(
        async (tx) => {
          tries++
          await tx.query("insert into notes values ('first')")
          if (tries === 1) void relay.cut('mark-inside', when)
          await tx.query("insert into notes values ('mark-inside')")
          return tries
        },
        { retry },
      )
    }
    const error = await failureOf(run(false))
    expect(error.message).toMatch(/Connection terminated/)
    // The server notices the end of a session only when it is done with its statement.
    await until('the session is gone', async () => (await sessions()).length === 0)
    expect(await notes()).toEqual([])
    expect(await run(true)).toBe(2)
    expect(await notes()).toEqual(['first', 'mark-inside'])
    expect(pool.statistics.unknown).toBe(0)
  })

  test('the first statement of a transaction, sent with BEGIN, undoes all of it as well', async () => {
    const { pool, relay } = await relayedPool()
    void relay.cut('mark-begin', when)
    let tries = 0
    await pool.transaction(
      async (tx) => {
        tries++
        await tx.query("insert into notes values ('mark-begin')")
      },
      { retry: true },
    )
    expect(tries).toBe(2)
    await until('the session is gone', async () => (await sessions()).length === 0)
    expect(await notes()).toEqual(['mark-begin'])
  })
})

test('I3: a write that a session at its end did not take up is sent again, and counts once', async () => {
  const { pool, relay } = await relayedPool({ max: 1 })
  await pool.query("insert into notes values ('before')")
  const { rows } = await admin.query(
    "select pid from pg_stat_activity where query like 'insert into notes%' and pid <> pg_backend_pid()",
  )
  expect(rows).toHaveLength(1)
  // The server ends the session before it has the statement; the client learns that after it has sent it.
  const pass = relay.hold()
  await admin.query('select pg_terminate_backend($1)', [rows[0].pid])
  await until('the session is gone', async () => {
    const { rowCount } = await admin.query('select 1 from pg_stat_activity where pid = $1', [rows[0].pid])
    return rowCount === 0
  })
  const written = pool.query("insert into notes values ('after')")
  await until('it has been sent', () => relay.sent.includes("('after')"))
  pass()
  expect((await written).rowCount).toBe(1)
  expect(await notes()).toEqual(['after', 'before'])
  expect(pool.statistics).toMatchObject({ unknown: 0, repeats: 1 })
})

test('I3: a write that was given to a connection that cannot be opened waits for one that can', async () => {
  const { pool, relay } = await relayedPool({ probe: { intervalMs: 50 } })
  // The start-up message of new connections does not get through, three times over.
  void relay.cut('user\0', 'before', 3)
  await Promise.all([1, 2, 3].map((n) => pool.query('insert into notes values ($1)', [`note ${n}`])))
  expect(await notes()).toEqual(['note 1', 'note 2', 'note 3'])
  expect(pool.statistics.unknown).toBe(0)
})
