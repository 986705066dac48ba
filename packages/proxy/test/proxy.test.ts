import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'

let herd: Herd
let proxy: WireProxy
let url: string

beforeAll(async () => {
  herd = await scratchHerd()
  // Where short statements go is not to depend on what else the machine does.
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    lanes: { patienceMs: 1000 },
  })
  const direct = new URL((await nodesOfHerd(herd))[0] as string)
  direct.port = String(proxy.address.port)
  url = direct.href
  const admin = await connect(url)
  await admin.query('create table goods (id int primary key, name text, stock int not null default 0)')
  await admin.query(`insert into goods select g, 'goods ' || g, 10 from generate_series(1, 100) g`)
}, 120_000)

afterAll(() => proxy.close())

test('it is one database: reads are answered by standbys, writes by the primary', async () => {
  const client = await connect(url)
  const before = proxy.statistics.batches
  const { rows } = await client.query('select name from goods where id = $1', [7])
  await client.query('update goods set stock = 11 where id = 7')
  expect(rows).toEqual([{ name: 'goods 7' }])
  const after = proxy.statistics.batches
  expect(after.primary.own - before.primary.own).toBe(1)
  expect(after.standby.lane + after.primary.lane - before.standby.lane - before.primary.lane).toBe(1)
})

test('I4: a read sees what its session wrote a moment ago', async () => {
  const client = await connect(url)
  for (let stock = 1; stock <= 100; stock++) {
    await client.query('update goods set stock = $1 where id = 2', [stock])
    const { rows } = await client.query('select stock from goods where id = 2')
    expect(rows).toEqual([{ stock }])
  }
})

test('I6: settings, prepared statements, temporary tables and transactions are their client’s alone', async () => {
  const [one, other] = [await connect(url), await connect(url)]
  await one.query(`set work_mem = '7MB'`)
  await one.query('create temp table mine (id int)')
  await one.query('prepare p as select 1')
  await one.query('begin')
  await one.query('insert into mine values (1)')
  expect((await other.query('show work_mem')).rows[0].work_mem).not.toBe('7MB')
  await expect(other.query('select * from mine')).rejects.toThrow('relation "mine" does not exist')
  await expect(other.query('execute p')).rejects.toThrow('does not exist')
  expect((await one.query('select count(*)::int as n from mine')).rows).toEqual([{ n: 1 }])
  await one.query('rollback')
  expect((await one.query('select count(*)::int as n from mine')).rows).toEqual([{ n: 0 }])
  expect((await one.query('show work_mem')).rows).toEqual([{ work_mem: '7MB' }])
})

test('statements are prepared under the client’s own names, once on each connection', async () => {
  const [one, other] = [await connect(url), await connect(url)]
  for (let at = 1; at <= 5; at++) {
    const text = 'select name from goods where id = $1'
    expect((await one.query({ name: 'a', text, values: [at] })).rows).toEqual([{ name: `goods ${at}` }])
    expect((await other.query({ name: 'b', text, values: [at] })).rows).toEqual([{ name: `goods ${at}` }])
    const another = 'select stock + $1::int as more from goods where id = 3'
    expect((await other.query({ name: 'a', text: another, values: [at] })).rows).toEqual([{ more: 10 + at }])
  }
})

test('a wrong password and a user that does not exist are told apart by nobody', async () => {
  const messages = []
  for (const user of ['app', 'nobody']) {
    const wrong = new URL(url)
    wrong.username = user
    wrong.password = 'wrong'
    const client = new pg.Client({ connectionString: wrong.href })
    client.on('error', () => {})
    messages.push(
      await client.connect().then(String, (error: pg.DatabaseError) => [error.code, error.message]),
    )
  }
  expect(messages).toEqual([
    ['28P01', 'password authentication failed for user "app"'],
    ['28P01', 'password authentication failed for user "nobody"'],
  ])
})

test('a cancel ends the statement of its client', async () => {
  const client = await connect(url)
  const slow = client.query('select pg_sleep(30)')
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const { Connection } = pg as unknown as {
    Connection: new () => {
      connect(port: number, host: string): void
      once(event: string, done: () => void): void
      cancel(processId: number, key: number): void
    }
  }
  let ended = false
  const outcome = slow
    .then(String, (error: pg.DatabaseError) => error.code)
    .finally(() => {
      ended = true
    })
  await until('it is cancelled', async () => {
    const canceller = new Connection()
    canceller.once('connect', () => canceller.cancel(processID, secretKey))
    canceller.connect(proxy.address.port, '127.0.0.1')
    await sleep(20)
    return ended
  })
  expect(await outcome).toBe('57014')
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('a failover is a pause for clients that are idle, and for statements that come meanwhile', async () => {
  const client = await connect(url)
  await client.query('select 1')
  const primary = herd.primaryOf() as { name: string }
  const noticed = new Promise<void>((resolve) => {
    proxy.on('event', ({ kind }) => {
      if (kind === 'node-out') resolve()
    })
  })
  await herd.disturb(primary.name, 'kill')
  await noticed
  await client.query('update goods set stock = 77 where id = 3')
  expect((await client.query('select stock from goods where id = 3')).rows).toEqual([{ stock: 77 }])
  await herd.whenWhole(PATIENCE_MS)
})

test('what a read may see is said in a comment, at the start, or not at all', async () => {
  const readers = async (settings: object, text: string): Promise<string> => {
    const client = new pg.Client({ connectionString: url, ...settings })
    await client.connect()
    await client.query('update goods set stock = stock where id = 9')
    const before = proxy.statistics.batches
    for (let at = 0; at < 5; at++) await client.query(text)
    const after = proxy.statistics.batches
    await client.end()
    return after.primary.lane > before.primary.lane
      ? after.standby.lane > before.standby.lane
        ? 'both'
        : 'primary'
      : 'standby'
  }
  const text = 'select stock from goods where id = 9'
  expect(await readers({}, `/* pgherd: primary */ ${text}`)).toBe('primary')
  expect(await readers({}, `/* pgherd: eventual */ ${text}`)).toBe('standby')
  expect(await readers({}, `/* pgherd: bounded = 5000 ms */ ${text}`)).toBe('standby')
  expect(await readers({ options: '-c pgherd.consistency=primary' }, text)).toBe('primary')
  expect(await readers({ options: '-c pgherd.consistency=eventual -c work_mem=5MB' }, text)).toBe('standby')
  expect(await readers({ options: '-c pgherd.consistency=eventual' }, `/* pgherd: primary */ ${text}`)).toBe(
    'primary',
  )
  await expect(readers({ options: '-c pgherd.consistency=soon' }, text)).rejects.toMatchObject({
    code: '22023',
    message: 'invalid value for parameter "pgherd.consistency": "soon"',
  })
})

test('a transaction declared READ ONLY is run by a standby, and sees what its session wrote', async () => {
  const client = await connect(url)
  const isStandby = async (begin: string): Promise<boolean> => {
    await client.query(begin)
    const { rows } = await client.query(
      'select pg_is_in_recovery() as standby, (select stock from goods where id = 4)',
    )
    await client.query('commit')
    return rows[0].standby
  }
  await until('a standby has what this session wrote', () => isStandby('begin read only'))
  expect(await isStandby('start transaction isolation level repeatable read, read only')).toBe(true)
  expect(await isStandby('begin isolation level serializable read only')).toBe(false)
  expect(await isStandby('begin read write /* not read only */')).toBe(false)
  for (let stock = 1; stock <= 20; stock++) {
    await client.query('update goods set stock = $1 where id = 4', [stock])
    await client.query('begin read only')
    expect((await client.query('select stock from goods where id = 4')).rows).toEqual([{ stock }])
    await client.query('commit')
  }
  await client.query('begin read only')
  await expect(client.query('update goods set stock = 1 where id = 4')).rejects.toMatchObject({
    code: '25006',
  })
  await client.query('rollback')
})

describe('a server connection that ends', () => {
  const sessionsOf = (text: string): Promise<pg.QueryResult> =>
    herdAdmin().then((admin) =>
      admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and query like $1`,
        [text],
      ),
    )
  const herdAdmin = (): Promise<pg.Client> =>
    connect(herd.dsn((herd.primaryOf() as { name: string }).name, 'superuser'))

  test('is nothing to a client that has changed the schema: nothing of its session was on it', async () => {
    const client = await connect(url)
    await client.query('create table passing (id int)')
    await client.query('drop table passing')
    await sessionsOf('%')
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test.each([
    ['while it reads: no answer without them', 'select count(*), pg_sleep(30) from goods', '08006'],
    [
      'while it writes: it may be done',
      'update goods set stock = stock + length(pg_sleep(30)::text)',
      '08007',
    ],
  ])('ends a session whose settings were on it, also %s', async (_, sql, code) => {
    const client = await connect(url)
    await client.query(`select set_config('my.own', 'kept', false)`)
    const answer = client.query(sql).then(
      ({ rows }) => rows,
      (error: pg.DatabaseError) => error.code,
    )
    await until('it runs', async () => (await sessionsOf('%pg_sleep(30)%')).rowCount)
    expect(await answer).toBe(code)
  })
})
