import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Pool, PoolOptions } from '../src/index.js'
import { connect, scratchHerd, scratchPool, until } from './scratch-herd.js'

/** A herd of one, so that counts can be held against those of pg.Pool. */
let herd: Herd
let dsn: string
const peers: pg.Pool[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = herd.dsn((await herd.status()).groups[0]?.nodes[0]?.name as string)
  const admin = await connect(dsn)
  await admin.query(
    'create table goods (id int primary key, name text not null, stock int check (stock >= 0))',
  )
  await admin.query(`insert into goods select g, 'goods ' || g, 10 from generate_series(1, 100) g`)
}, 120_000)

afterEach(async () => {
  for (const pool of peers.splice(0)) if (!pool.ending) await pool.end()
})

type Open = (options?: PoolOptions) => pg.Pool

const openPeer: Open = (options) => {
  const pool = new pg.Pool({ connectionString: dsn, ...options })
  peers.push(pool)
  return pool
}
const openOurs: Open = (options) => scratchPool({ nodes: [dsn], ...options })
const openWithoutLanes: Open = (options) => scratchPool({ nodes: [dsn], lanes: { max: 0 }, ...options })

/** What holds for all three whatever connection runs a statement. */
const ALL: [string, Open][] = [
  ['pg.Pool', openPeer],
  ['a pool', openOurs],
  ['a pool without lanes', openWithoutLanes],
]
/** What counts the connections that statements of `pool.query` run on. */
const COUNTED = ALL.filter(([name]) => name !== 'a pool')

async function failureOf(promise: Promise<unknown>): Promise<pg.DatabaseError> {
  return promise.then(
    () => {
      throw new Error('It did not fail.')
    },
    (error) => error,
  )
}

describe.each(ALL)('sizing: %s', (_name, open) => {
  test('is empty until it is used, and says what its defaults are', () => {
    const pool = open()
    expect([pool.totalCount, pool.idleCount, pool.waitingCount, pool.expiredCount]).toEqual([0, 0, 0, 0])
    expect([pool.ending, pool.ended]).toEqual([false, false])
    const { max, min, maxUses, idleTimeoutMillis, maxLifetimeSeconds, allowExitOnIdle } = pool.options
    expect({ max, min, maxUses, idleTimeoutMillis, maxLifetimeSeconds, allowExitOnIdle }).toEqual({
      max: 10,
      min: 0,
      maxUses: Number.POSITIVE_INFINITY,
      idleTimeoutMillis: 10_000,
      maxLifetimeSeconds: 0,
      allowExitOnIdle: false,
    })
    expect(pool).toBeInstanceOf(pg.Pool)
  })

  test('lends at most max clients; who comes later waits in order', async () => {
    const pool = open({ max: 2 })
    const [first, second] = [await pool.connect(), await pool.connect()]
    const order: string[] = []
    const third = pool.connect().then((client) => {
      order.push('third')
      return client
    })
    const fourth = pool.connect().then((client) => {
      order.push('fourth')
      return client
    })
    await until('two wait', () => pool.waitingCount === 2)
    expect([pool.totalCount, pool.idleCount]).toEqual([2, 0])
    first.release()
    expect(await third).toBe(first)
    second.release()
    expect(await fourth).toBe(second)
    expect(order).toEqual(['third', 'fourth'])
    first.release()
    second.release()
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([2, 2, 0])
  })

  test('gives up waiting in the queue after connectionTimeoutMillis', async () => {
    const pool = open({ max: 1, connectionTimeoutMillis: 1500 })
    const client = await pool.connect()
    const startedMs = performance.now()
    const error = await failureOf(pool.connect())
    expect(error.message).toBe('timeout exceeded when trying to connect')
    expect(performance.now() - startedMs).toBeGreaterThan(1450)
    client.release()
    expect(pool.waitingCount).toBe(0)
    const again = await pool.connect()
    expect(again).toBe(client)
    again.release()
  })

  test('closes a client that has been idle for idleTimeoutMillis, but not below min', async () => {
    const pool = open({ idleTimeoutMillis: 100, min: 1 })
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    for (const client of clients) client.release()
    expect(pool.totalCount).toBe(3)
    await until('two are closed', () => pool.totalCount === 1)
    await sleep(300)
    expect(pool.totalCount).toBe(1)
  })

  test('closes a client after maxUses', async () => {
    const pool = open({ maxUses: 2, max: 1 })
    const pids: unknown[] = []
    for (let use = 0; use < 4; use++) {
      const client = await pool.connect()
      pids.push((await client.query('select pg_backend_pid() as pid')).rows[0].pid)
      client.release()
    }
    expect(pids[0]).toBe(pids[1])
    expect(pids[2]).toBe(pids[3])
    expect(pids[1]).not.toBe(pids[2])
  })

  test('closes a client that has lived for maxLifetimeSeconds, one in use when it is released', async () => {
    const pool = open({ maxLifetimeSeconds: 1 })
    const [used, idle] = [await pool.connect(), await pool.connect()]
    idle.release()
    await until('the idle one is closed', () => pool.totalCount === 1)
    await until('the used one has expired', () => pool.expiredCount === 1)
    expect((await used.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    used.release()
    expect([pool.totalCount, pool.expiredCount]).toEqual([0, 0])
  })
})

describe.each(ALL)('lending and giving back: %s', (_name, open) => {
  test('tells of it in events, in this order and with these arguments', async () => {
    const pool = open()
    const events: unknown[][] = []
    pool.on('connect', (client) => events.push(['connect', client]))
    pool.on('acquire', (client) => events.push(['acquire', client]))
    pool.on('release', (error, client) => events.push(['release', error, client]))
    pool.on('remove', (client) => events.push(['remove', client]))
    const client = await pool.connect()
    client.release()
    const again = await pool.connect()
    const reason = new Error('broken')
    again.release(reason)
    await until('it is gone', () => events.some(([kind]) => kind === 'remove'))
    expect(events).toEqual([
      ['connect', client],
      ['acquire', client],
      ['release', undefined, client],
      ['acquire', client],
      ['release', reason, client],
      ['remove', client],
    ])
  })

  test('release(true) and release(error) close the client, release() keeps it', async () => {
    const pool = open({ max: 1 })
    const first = await pool.connect()
    first.release()
    const second = await pool.connect()
    expect(second).toBe(first)
    second.release(true)
    expect(pool.totalCount).toBe(0)
    const third = await pool.connect()
    expect(third).not.toBe(first)
    third.release(new Error('broken'))
    expect(pool.totalCount).toBe(0)
  })

  test('a second release throws', async () => {
    const pool = open()
    const client = await pool.connect()
    client.release()
    expect(() => client.release()).toThrow(
      'Release called on client which has already been released to the pool.',
    )
    const { release } = await pool.connect()
    release()
    expect(() => release()).toThrow('already been released')
  })

  test('an error on an idle client is told and removes it; the pool goes on', async () => {
    const pool = open()
    const told: unknown[][] = []
    pool.on('error', (...args) => told.push(args))
    const client = await pool.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    client.release()
    await (await connect(dsn)).query('select pg_terminate_backend($1)', [rows[0].pid])
    await until('it is told', () => told.length > 0)
    const [error, lost] = told[0] as [pg.DatabaseError, pg.PoolClient]
    expect([error.code, lost]).toEqual(['57P01', client])
    expect(pool.totalCount).toBe(0)
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('an error on a lent client is its user’s to hear, not the pool’s', async () => {
    const pool = open()
    const told: Error[] = []
    pool.on('error', (error) => told.push(error))
    const client = await pool.connect()
    const heard = once(client, 'error')
    // What the server said, and that the connection is gone: either, or one after the other.
    client.on('error', () => {})
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await (await connect(dsn)).query('select pg_terminate_backend($1)', [rows[0].pid])
    expect((await heard)[0]).toBeInstanceOf(Error)
    client.release()
    await until('it is gone', () => pool.totalCount === 0)
    expect(told).toEqual([])
  })

  test('connects with a callback as well', async () => {
    const pool = open()
    await pool.query('select 1')
    const { rows } = await new Promise<pg.QueryResult>((resolve, reject) => {
      pool.connect((error, client, done) => {
        if (error || client === undefined) return reject(error)
        client.query('select $1::int as n', [4], (failure, result) => {
          done()
          if (failure) reject(failure)
          else resolve(result)
        })
      })
    })
    expect(rows).toEqual([{ n: 4 }])
    expect(pool.idleCount).toBe(1)
  })

  test('onConnect is awaited before anybody has the client, and fails the connection with its error', async () => {
    let fail = false
    const pool = open({
      onConnect: async (client) => {
        if (fail) throw new Error('not today')
        await client.query(`set application_name to 'prepared'`)
      },
    })
    expect((await pool.query('show application_name')).rows).toEqual([{ application_name: 'prepared' }])
    fail = true
    const clients = [await pool.connect()]
    expect((await failureOf(pool.connect().then((client) => clients.push(client)))).message).toBe('not today')
    for (const client of clients) client.release()
  })

  test('verify is asked once for each new client, and can refuse it', async () => {
    let asked = 0
    let verdict: Error | undefined
    const pool = open({
      verify: (_client, done) => {
        asked++
        done(verdict)
      },
    })
    const client = await pool.connect()
    client.release()
    const again = await pool.connect()
    expect(asked).toBe(1)
    verdict = new Error('refused')
    expect((await failureOf(pool.connect())).message).toBe('refused')
    again.release()
    expect(pool.totalCount).toBe(1)
  })
})

describe.each(COUNTED)('statements and clients: %s', (_name, open) => {
  test('a statement has a client while it runs and gives it back', async () => {
    const pool = open({ max: 3 })
    await pool.query('select 1')
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
    const five = Promise.all(Array.from({ length: 5 }, () => pool.query('select pg_sleep(0.2)')))
    await until('two wait', () => pool.waitingCount === 2)
    expect(pool.totalCount).toBe(3)
    await five
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([3, 3, 0])
  })

  test('statements of one moment that find no client in time fail', async () => {
    const pool = open({ max: 1, connectionTimeoutMillis: 1500 })
    const locker = await connect(dsn)
    await locker.query('begin; lock table goods')
    const slow = pool.query('select count(*) from goods')
    await until('it has the connection', () => pool.totalCount === 1 && pool.waitingCount === 0)
    expect((await failureOf(pool.query('select 1'))).message).toBe('timeout exceeded when trying to connect')
    await locker.query('rollback')
    await slow
  })
})

describe.each(ALL)('ending: %s', (_name, open) => {
  test('closes idle clients and can be done once', async () => {
    const pool = open()
    await pool.query('select 1')
    const client = await pool.connect()
    client.release()
    await pool.end()
    expect([pool.ending, pool.ended, pool.totalCount]).toEqual([true, true, 0])
    expect((await failureOf(pool.end())).message).toBe('Called end on pool more than once')
    expect((await failureOf(pool.connect())).message).toBe('Cannot use a pool after calling end on the pool')
    expect((await failureOf(pool.query('select 1'))).message).toBe(
      'Cannot use a pool after calling end on the pool',
    )
  })

  test('waits for a client that is lent', async () => {
    const pool = open()
    const client = await pool.connect()
    const ended = pool.end()
    expect([pool.ending, pool.ended]).toEqual([true, false])
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(await Promise.race([ended.then(() => 'ended'), sleep(100, 'waits')])).toBe('waits')
    client.release()
    await ended
    expect([pool.ended, pool.totalCount]).toEqual([true, 0])
  })

  test('lets statements under way finish', async () => {
    const pool = open()
    await pool.query('select 1')
    const slow = pool.query('select pg_sleep(0.3), 7 as seven')
    await sleep(50)
    const ended = pool.end()
    expect((await slow).rows).toMatchObject([{ seven: 7 }])
    await ended
  })

  test('ends before it was used', async () => {
    const pool = open()
    await pool.end()
    expect(pool.ended).toBe(true)
  })

  test('takes callbacks, and gives them the errors', async () => {
    const pool = open()
    await pool.query('select 1')
    expect(await new Promise((resolve) => pool.end((...args: unknown[]) => resolve(args)))).toEqual([])
    const again = await new Promise((resolve) => pool.end(resolve as () => void))
    expect((again as Error).message).toBe('Called end on pool more than once')
    const refused = await new Promise((resolve) => pool.connect(resolve))
    expect((refused as Error).message).toContain('after calling end')
    const late = await new Promise((resolve) => pool.query('select 1', resolve))
    expect((late as Error).message).toContain('after calling end')
  })
})

test('a client takes a callback in the config of a statement, as pg does', async () => {
  const client = await scratchPool({ nodes: [dsn] }).connect()
  for (const begin of [null, 'begin']) {
    if (begin !== null) await client.query(begin)
    const answer = await new Promise<pg.QueryResult>((resolve, reject) => {
      const callback = (error: Error | null, result: pg.QueryResult): void =>
        error === null ? resolve(result) : reject(error)
      expect(client.query({ text: 'select 1 as one', callback } as pg.QueryConfig)).toBeUndefined()
    })
    expect(answer.rows).toEqual([{ one: 1 }])
  }
  client.release(true)
})

test('what onConnect does may take longer than a read on a lane', async () => {
  const onConnect = (client: pg.ClientBase): Promise<unknown> => client.query('select pg_sleep(1.2)')
  const pool = openOurs({ lanes: { patienceMs: 1000 }, onConnect } as PoolOptions) as Pool
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  expect(pool.statistics).toMatchObject({ repeats: 0, statements: { primary: { lane: 1, own: 0 } } })
})

test('who waits for a client hears at once that the pool ends (pg.Pool forgets them)', async () => {
  const pool = scratchPool({ nodes: [dsn], max: 1 })
  const client = await pool.connect()
  const waiting = failureOf(pool.connect())
  await until('one waits', () => pool.waitingCount === 1)
  const ended = pool.end()
  expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
  client.release()
  await ended
})

test('who waits for a primary hears at once that the pool ends', async () => {
  const pool = scratchPool({ nodes: [dsn, 'postgres://nobody@127.0.0.1:1/none'], failoverWaitMs: 30_000 })
  // The one node there is is asked whether it is a primary while this waits.
  const waiting = failureOf(pool.connect())
  await pool.end()
  expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
})

describe.each(ALL)('query: %s', (_name, open) => {
  test('takes a text, a text with values, and a config', async () => {
    const pool = open()
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    expect((await pool.query('select $1::int + 1 as n', [1])).rows).toEqual([{ n: 2 }])
    expect((await pool.query({ text: 'select $1::text as n', values: ['x'] })).rows).toEqual([{ n: 'x' }])
    expect((await pool.query({ text: 'select $1::text as n' }, ['y'])).rows).toEqual([{ n: 'y' }])
    expect((await pool.query('select 1 as n', [])).rows).toEqual([{ n: 1 }])
  })

  test('takes callbacks, with values and without', async () => {
    const pool = open()
    const args = (run: (callback: (...all: unknown[]) => void) => unknown): Promise<unknown[]> =>
      new Promise((resolve) => {
        expect(run((...all) => resolve(all))).toBeUndefined()
      })
    expect(await args((callback) => pool.query('select 1 as n', callback))).toMatchObject([
      undefined,
      { rows: [{ n: 1 }] },
    ])
    expect(await args((callback) => pool.query('select $1::int as n', [2], callback))).toMatchObject([
      undefined,
      { rows: [{ n: 2 }] },
    ])
    expect(
      await args((callback) => pool.query({ text: 'select $1::int as n', values: [3] }, callback)),
    ).toMatchObject([undefined, { rows: [{ n: 3 }] }])
    expect(await args((callback) => pool.query('select nonsense', callback))).toMatchObject([
      { code: '42703' },
    ])
  })

  test('refuses a function', async () => {
    const pool = open()
    const error = await new Promise((resolve) => pool.query(resolve as never))
    expect((error as Error).message).toBe(
      'Passing a function as the first parameter to pool.query is not supported',
    )
  })

  test('answers a text of several statements with a result each', async () => {
    const pool = open()
    const results = (await pool.query(
      `select 1 as a; select 'x' as b; delete from goods where id < 0`,
    )) as unknown
    expect(
      (results as pg.QueryResult[]).map(({ rows, command, rowCount }) => ({ rows, command, rowCount })),
    ).toEqual([
      { rows: [{ a: 1 }], command: 'SELECT', rowCount: 1 },
      { rows: [{ b: 'x' }], command: 'SELECT', rowCount: 1 },
      { rows: [], command: 'DELETE', rowCount: 0 },
    ])
    expect((await pool.query('select 1 as a;')).rows).toEqual([{ a: 1 }])
  })

  test('a text of several statements is one transaction: an error undoes all of it', async () => {
    const pool = open()
    const error = await failureOf(pool.query(`update goods set stock = 77 where id = 90; select 1/0`))
    expect(error.code).toBe('22012')
    expect((await pool.query('select stock from goods where id = 90')).rows).toEqual([{ stock: 10 }])
  })

  test.each(['', ' ', '-- nothing', ';'])('answers the empty text %j with an empty result', async (text) => {
    const { rows, rowCount, command } = await open().query(text)
    expect({ rows, rowCount, command }).toEqual({ rows: [], rowCount: null, command: null })
  })

  test('tells the command and how many rows it was about', async () => {
    const pool = open()
    const facts = async (text: string): Promise<unknown> => {
      const { command, rowCount, rows } = await pool.query(text)
      return [command, rowCount, rows.length]
    }
    expect(await facts('select * from goods where id <= 3')).toEqual(['SELECT', 3, 3])
    expect(await facts('update goods set stock = stock where id <= 4')).toEqual(['UPDATE', 4, 0])
    expect(await facts('update goods set stock = stock where id = 4 returning id')).toEqual(['UPDATE', 1, 1])
    expect(await facts(`insert into goods values (5000, 'x', 1)`)).toEqual(['INSERT', 1, 0])
    expect(await facts('delete from goods where id >= 5000')).toEqual(['DELETE', 1, 0])
    expect(await facts('create table if not exists made (id int)')).toEqual(['CREATE', null, 0])
    expect(await facts('drop table made')).toEqual(['DROP', null, 0])
    expect(await facts('begin')).toEqual(['BEGIN', null, 0])
    expect(await facts('rollback')).toEqual(['ROLLBACK', null, 0])
    expect(await facts(`set work_mem to '1MB'`)).toEqual(['SET', null, 0])
    expect(await facts('explain select 1')).toEqual(['EXPLAIN', null, 1])
  })

  test('describes columns, also the third time a text is run', async () => {
    const pool = open()
    const describeOnce = async (): Promise<unknown> => {
      const { fields, rows } = await pool.query('select id, name, stock as s from goods where id = $1', [1])
      return [
        fields.map(({ name, dataTypeID, columnID, format }) => [name, dataTypeID, columnID, format]),
        rows,
      ]
    }
    const first = await describeOnce()
    expect(first).toEqual([
      [
        ['id', 23, 1, 'text'],
        ['name', 25, 2, 'text'],
        ['s', 23, 3, 'text'],
      ],
      [{ id: 1, name: 'goods 1', s: 10 }],
    ])
    expect(await describeOnce()).toEqual(first)
    expect(await describeOnce()).toEqual(first)
  })

  test('gives rows as arrays, also of columns of one name', async () => {
    const pool = open()
    for (let time = 0; time < 3; time++) {
      const { rows } = await pool.query({
        text: 'select 1 as a, 2 as a, $1::int as b',
        values: [3],
        rowMode: 'array',
      })
      expect(rows).toEqual([[1, 2, 3]])
      expect((await pool.query('select 1 as a, 2 as a, $1::int as b', [3])).rows).toEqual([{ a: 2, b: 3 }])
    }
  })

  test('parses types as the query says, or the pool', async () => {
    const shout = { getTypeParser: () => (value: string | Buffer) => `<${value}>` }
    const plain = open()
    const loud = open({ types: shout as unknown as pg.CustomTypesConfig })
    for (let time = 0; time < 3; time++) {
      expect((await plain.query('select 1 as n, true as b')).rows).toEqual([{ n: 1, b: true }])
      expect(
        (
          await plain.query({
            text: 'select 1 as n, true as b',
            types: shout as unknown as pg.CustomTypesConfig,
          })
        ).rows,
      ).toEqual([{ n: '<1>', b: '<t>' }])
      expect((await loud.query('select 1 as n, true as b')).rows).toEqual([{ n: '<1>', b: '<t>' }])
    }
  })

  test('takes binary results where they are asked for', async () => {
    const pool = open()
    const all = open({ binary: true } as PoolOptions)
    const query = { text: 'select id, name from goods where id = $1', values: [7] }
    for (let time = 0; time < 3; time++) {
      const asked = await pool.query({ ...query, binary: true } as pg.QueryConfig)
      expect([asked.rows, asked.fields[0]?.format]).toEqual([[{ id: 7, name: 'goods 7' }], 'binary'])
      const usual = await pool.query(query)
      expect([usual.rows, usual.fields[0]?.format]).toEqual([[{ id: 7, name: 'goods 7' }], 'text'])
      const always = await all.query(query)
      expect([always.rows, always.fields[0]?.format]).toEqual([[{ id: 7, name: 'goods 7' }], 'binary'])
    }
  })

  test('sends values of every usual kind', async () => {
    const pool = open()
    const day = new Date('2024-02-29T12:34:56.789Z')
    for (let time = 0; time < 2; time++) {
      const { rows } = await pool.query(
        `select $1::text as t, $2::int as i, $3::bool as b, $4::timestamptz as d, $5::jsonb as j, $6::bytea as y,
           $7::int[] as a, $8::text as n, $9::bigint as big, $10::text as undef, $11::text as p`,
        [
          'é"\\\'',
          3,
          false,
          day,
          { x: [1] },
          Buffer.from([0, 255]),
          [1, null, 3],
          null,
          2n ** 60n,
          undefined,
          { toPostgres: () => 'mine' },
        ],
      )
      expect(rows).toEqual([
        {
          t: 'é"\\\'',
          i: 3,
          b: false,
          d: day,
          j: { x: [1] },
          y: Buffer.from([0, 255]),
          a: [1, null, 3],
          n: null,
          big: String(2n ** 60n),
          undef: null,
          p: 'mine',
        },
      ])
    }
  })

  test('runs a query object and tells its rows as events', async () => {
    const pool = open({ max: 1 })
    const rows: unknown[] = []
    const query = new pg.Query('select generate_series(1, 3) as n')
    query.on('row', (row) => rows.push(row))
    await (pool.query(query) as unknown as Promise<pg.QueryResult>)
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    const failing = new pg.Query('select nonsense')
    expect(await failureOf(pool.query(failing) as unknown as Promise<unknown>)).toMatchObject({
      code: '42703',
    })
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

describe.each(ALL)('named statements: %s', (_name, open) => {
  test('run again by name, on the pool and on a client', async () => {
    const pool = open({ max: 1 })
    for (let n = 1; n <= 3; n++) {
      const { rows } = await pool.query({ name: 'plus', text: 'select $1::int + 1 as n', values: [n] })
      expect(rows).toEqual([{ n: n + 1 }])
    }
    const client = await pool.connect()
    await client.query({ name: 'mine', text: 'select $1::int as n', values: [1] })
    expect((await client.query({ name: 'mine', values: [2] } as never)).rows).toEqual([{ n: 2 }])
    const { rows } = await client.query(`select name from pg_prepared_statements where name = 'mine'`)
    expect(rows).toEqual([{ name: 'mine' }])
    client.release()
  })

  test('one name for two texts is refused', async () => {
    const pool = open({ max: 1 })
    await pool.query({ name: 'one', text: 'select 1' })
    const refused = await failureOf(pool.query({ name: 'one', text: 'select 2' }))
    expect(refused.message).toBe(
      `Prepared statements must be unique - 'one' was used for a different statement`,
    )
    const client = await pool.connect()
    await client.query({ name: 'two', text: 'select 1' })
    expect((await failureOf(client.query({ name: 'two', text: 'select 2' }))).message).toContain(
      'must be unique',
    )
    client.release()
  })

  test('a name whose text the server refused is free again', async () => {
    const pool = open({ max: 1 })
    expect(await failureOf(pool.query({ name: 'typo', text: 'selct 1' }))).toMatchObject({ code: '42601' })
    expect((await pool.query({ name: 'typo', text: 'select 1 as n' })).rows).toEqual([{ n: 1 }])
  })
})

describe.each(ALL)('errors: %s', (_name, open) => {
  test('have the fields of PostgreSQL', async () => {
    const pool = open()
    for (let time = 0; time < 3; time++) {
      const twice = await failureOf(pool.query('insert into goods values ($1, $2)', [1, 'x']))
      expect(twice).toBeInstanceOf(pg.DatabaseError)
      expect({ ...twice }).toMatchObject({
        code: '23505',
        severity: 'ERROR',
        detail: 'Key (id)=(1) already exists.',
        schema: 'public',
        table: 'goods',
        constraint: 'goods_pkey',
        routine: '_bt_check_unique',
      })
      expect(twice.message).toBe('duplicate key value violates unique constraint "goods_pkey"')
      expect(await failureOf(pool.query('select * frm goods'))).toMatchObject({
        code: '42601',
        position: '10',
      })
      expect(await failureOf(pool.query('select nosuch from goods where id = $1', [1]))).toMatchObject({
        code: '42703',
        position: '8',
      })
      expect(await failureOf(pool.query('select 1 / $1::int', [0]))).toMatchObject({ code: '22012' })
    }
  })

  test('have a stack that leads to the caller', async () => {
    const pool = open()
    async function readTheShop(): Promise<void> {
      await pool.query('select nonsense')
    }
    async function buySomething(): Promise<void> {
      await pool.query('insert into goods values (1)')
    }
    async function lendAndFail(): Promise<void> {
      const client = await pool.connect()
      try {
        await client.query('select nonsense')
      } finally {
        client.release()
      }
    }
    for (let time = 0; time < 2; time++) {
      expect((await failureOf(readTheShop())).stack).toMatch(/readTheShop.*pool-contract\.test\.ts/s)
      expect((await failureOf(buySomething())).stack).toMatch(/buySomething.*pool-contract\.test\.ts/s)
      expect((await failureOf(lendAndFail())).stack).toMatch(/lendAndFail.*pool-contract\.test\.ts/s)
    }
  })

  test('leave the pool as good as before', async () => {
    const pool = open({ max: 2 })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, at) => pool.query(`select 1 / $1::int as n`, [at % 4 === 0 ? 0 : 1])),
    )
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('a query that takes longer than query_timeout is given up', async () => {
    const pool = open({ query_timeout: 1500 })
    expect((await failureOf(pool.query('select pg_sleep(5)'))).message).toBe('Query read timeout')
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    const patient = open()
    const impatient = { text: 'select pg_sleep(5)', query_timeout: 200 } as pg.QueryConfig
    expect((await failureOf(patient.query(impatient))).message).toBe('Query read timeout')
  })

  test('statement_timeout is the server’s', async () => {
    const pool = open({ statement_timeout: 1500 })
    expect(await failureOf(pool.query('select pg_sleep(5)'))).toMatchObject({ code: '57014' })
    expect((await pool.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '1500ms' }])
  })
})

describe.each(ALL)('a lent client: %s', (_name, open) => {
  test('a cursor or a stream that is closed before it has begun leaves its client free', async () => {
    const pool = open()
    const client = await pool.connect()
    const text = 'select generate_series(1, 1000) as n'
    await client.query(new Cursor(text)).close()
    expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    const stream = client.query(new QueryStream(text))
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.destroy()
    expect((await client.query('select 2 as n')).rows).toEqual([{ n: 2 }])
    await closed
    client.release()
  })

  test('reads with a cursor', async () => {
    const pool = open()
    const client = await pool.connect()
    const cursor = client.query(new Cursor('select generate_series(1, $1::int) as n', [5]))
    expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }])
    expect(await cursor.read(9)).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }])
    await cursor.close()
    client.release()
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('streams rows, and can stop half-way', async () => {
    const pool = open({ max: 1 })
    for (let time = 0; time < 2; time++) {
      const client = await pool.connect()
      let seen = 0
      for await (const row of client.query(
        new QueryStream('select generate_series(1, 10000) as n', [], { batchSize: 10 }),
      )) {
        expect(row).toEqual({ n: ++seen })
        if (seen === 25) break
      }
      client.release()
    }
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('copies in and out', async () => {
    const pool = open({ max: 1 })
    const client = await pool.connect()
    await client.query('create table copied (id int, name text)')
    await pipeline(Readable.from(['1\tone\n', '2\ttwo\n']), client.query(copyFrom('copy copied from stdin')))
    expect(await readAll(client.query(copyTo('copy copied to stdout')))).toBe('1\tone\n2\ttwo\n')
    await client.query('drop table copied')
    client.release()
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('listens', async () => {
    const pool = open()
    const client = await pool.connect()
    await client.query('listen orders')
    const heard = once(client, 'notification')
    await pool.query(`select pg_notify('orders', 'hello')`)
    expect((await heard)[0]).toMatchObject({ channel: 'orders', payload: 'hello' })
    await client.query('unlisten orders')
    client.release()
  })

  test('hears notices', async () => {
    const pool = open()
    const client = await pool.connect()
    const heard = once(client, 'notice')
    await client.query(`do $$ begin raise notice 'mind %', 'this'; end $$`)
    expect((await heard)[0]).toMatchObject({ message: 'mind this', severity: 'NOTICE' })
    client.release()
  })

  test('runs a transaction, and says how it stands', async () => {
    const pool = open({ max: 1 })
    const client = await pool.connect()
    expect(client.getTransactionStatus()).toBe('I')
    await client.query('begin')
    await client.query('update goods set stock = 5 where id = 50')
    expect(client.getTransactionStatus()).toBe('T')
    expect(await failureOf(client.query('select 1/0'))).toMatchObject({ code: '22012' })
    expect(await failureOf(client.query('select 1'))).toMatchObject({ code: '25P02' })
    expect(client.getTransactionStatus()).toBe('E')
    await client.query('rollback')
    client.release()
    expect((await pool.query('select stock from goods where id = 50')).rows).toEqual([{ stock: 10 }])
  })

  test('has what pg.Client has', async () => {
    const pool = open()
    const client = await pool.connect()
    expect(client).toBeInstanceOf(pg.Client)
    expect(client.escapeIdentifier('a"b')).toBe('"a""b"')
    expect(client.escapeLiteral(`it's`)).toBe(`'it''s'`)
    client.setTypeParser(23, (value: string) => `int ${value}`)
    expect((await client.query('select 1 as n')).rows).toEqual([{ n: 'int 1' }])
    client.release(true)
  })
})

describe('a script that used a pool', () => {
  const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
  const script = (make: string): string => `
    import pg from 'pg'
    import { createPool } from '@pgherd/client'
    const pool = ${make}
    await pool.query('select 1')
    await pool.query('select 1')
    await pool.query("select set_config('work_mem', '1MB', false)")
    const client = await pool.connect()
    await client.query('begin; commit')
    client.release()
    console.log('done')`

  const LONG_IDLE = 'idleTimeoutMillis: 120_000'

  // It runs what was built, as an application does.
  test.each([
    ['pg.Pool', `new pg.Pool({ connectionString: process.env.DSN, allowExitOnIdle: true, ${LONG_IDLE} })`],
    ['a pool', `createPool({ nodes: [process.env.DSN], allowExitOnIdle: true, ${LONG_IDLE} })`],
    ['a pool with a short idle time', 'createPool({ nodes: [process.env.DSN], idleTimeoutMillis: 200 })'],
  ])('ends by itself with allowExitOnIdle or when all is idle: %s', async (_name, make) => {
    // What takes longer is ended, and an error.
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script(make)],
      { cwd: ROOT, env: { ...process.env, DSN: dsn }, timeout: 40_000 },
    )
    expect([stdout, stderr]).toEqual(['done\n', ''])
  })
})
