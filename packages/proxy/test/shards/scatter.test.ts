import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { until } from '../../../../test/scratch-herd.js'
import { bind, describe as describeIt, execute, parse, query, sync } from '../raw-client.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

// Reads that each shard is asked by itself, and that the proxy puts together.

const there = ShardedProxy.before(twoShards('{ users: { key: id } }'), [
  'create table users (id int8 primary key, name text, score int, at timestamptz, f float8)',
  `insert into users select g, case when g % 7 = 0 then null else 'u' || g % 50 end, g % 10, '2026-01-01 10:00+00'::timestamptz + g * interval '1 minute', g / 3.0
     from generate_series(1, 1000) g`,
])

let direct: pg.Client
/** The same rows in one database. */
beforeAll(async () => {
  const admin = await there.open(there.dsnOf('home', 'superuser'))
  await admin.query('create database alone owner app template template0')
  const url = new URL(there.dsnOf('home'))
  url.pathname = '/alone'
  direct = new pg.Client(url.href)
  direct.on('error', () => {})
  await direct.connect()
  await direct.query(
    'create table users (id int8 primary key, name text, score int, at timestamptz, f float8)',
  )
  const client = await there.through()
  const { rows } = await client.query('select id, name, score, at::text as at, f from users')
  const json = JSON.stringify(rows)
  await direct.query('insert into users select * from json_populate_recordset(null::users, $1)', [json])
  return () => direct.end()
})

async function whereRun(client: pg.Client): Promise<string> {
  const { rows } = await client.query('show pgherd.plan')
  return rows[0].why
}

const SCATTERED = 'its rows are in several groups'

test('I5: gives what one database gives, by either protocol', async () => {
  const client = await there.through()
  for (const [text, values] of [
    ['select id, name from users order by id', []],
    ['select id, name from users order by score desc, id limit 17', []],
    ['select id from users order by f, id offset 990', []],
    ['select name from users where id > $1 order by id limit $2 offset $3', [500, 20, 3]],
    ['select id, at from users where score = 3 order by at desc, id', []],
    [
      'select score, count(*), sum(id), avg(score), min(name), max(id) from users group by score order by 1',
      [],
    ],
    ['select count(*), sum(id) as all from users where id > $1', [100]],
    ['select count(distinct name) from users', []],
    ['select distinct score from users order by score desc limit 3', []],
    ['select score, count(*) as n from users group by score having count(*) > $1 order by n, score', [1]],
    ['select id from users where id < 0 order by id', []],
    ['select count(*) from users where id < 0', []],
  ] as const) {
    const wanted = await direct.query(text, [...values])
    for (const queryMode of ['simple', 'extended']) {
      if (queryMode === 'simple' && values.length > 0) continue
      const found = await client.query({ text, values: [...values], queryMode } as pg.QueryConfig)
      expect(found.rows, text).toEqual(wanted.rows)
      expect(found.rowCount, text).toBe(wanted.rowCount)
      expect(found.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual(
        wanted.fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
      )
    }
    expect(await whereRun(client), text).toBe(SCATTERED)
  }
  expect((await client.query('select id from users')).rows.length).toBe(1000)
})

test('says what the protocol says, in text and in binary', async () => {
  const raw = await there.raw()
  const types = (heard: readonly Buffer[]): string =>
    heard
      .map((each) => String.fromCharCode(each[0] as number))
      .join('')
      .replace(/D+/, 'D')
  const text = 'select id, name from users where id <= $1 order by id'
  expect(types(await raw.ask(parse('s', text), describeIt('S', 's'), sync))).toBe('1tTZ')
  for (const resultFormat of [0, 1] as const) {
    const heard = await raw.ask(bind('s', ['3'], { resultFormat }), describeIt('P', ''), execute(), sync)
    expect(types(heard)).toBe('2TDCZ')
    const [row] = heard.filter((each) => each[0] === 0x44)
    expect(row?.readInt32BE(7)).toBe(resultFormat === 0 ? 1 : 8)
  }
  expect(types(await raw.ask(bind('s', ['3']), execute(), sync))).toBe('2DCZ')
  expect(types(await raw.ask(parse('', 'select count(*) from users'), bind(''), execute(), sync))).toBe(
    '12DCZ',
  )
  expect(types(await raw.ask(query('select id from users order by score, id')))).toBe('TDCZ')
  expect(types(await raw.ask(query('select 1 / (id - 500) from users')))).toMatch(/^TD?EZ$/)
})

test('in a transaction it sees what that has written', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query(`update users set name = 'mine' where id in (1, 2, 3)`)
  expect((await client.query(`select count(*) as n from users where name = 'mine'`)).rows).toEqual([
    { n: '3' },
  ])
  expect((await client.query(`select id from users where name = 'mine' order by id`)).rows).toEqual([
    { id: '1' },
    { id: '2' },
    { id: '3' },
  ])
  await client.query('rollback')
  expect((await client.query(`select count(*) as n from users where name = 'mine'`)).rows).toEqual([
    { n: '0' },
  ])
  await until('nobody holds a connection', () =>
    there.proxy.facts.servers.every(({ state }) => state !== 'taken'),
  )
})

test('one shard that fails ends it for all, and is named', async () => {
  const client = await there.through()
  const failure = await client
    .query('select id, 1 / (id - 501) from users order by id')
    .catch((error) => error)
  expect(failure).toMatchObject({ code: '22012', where: expect.stringMatching(/^on s[12]/) })
  expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 1000 }])
})

test('a client that reads slowly holds up the shards, and what is held stays small', {
  timeout: 120_000,
}, async () => {
  const raw = await there.raw()
  const { socket } = raw.connection
  socket.pause()
  const before = process.memoryUsage().rss
  const pad = 'x'.repeat(100_000)
  raw.send(query(`select id, '${pad}' as pad from users order by id`))
  raw.send(query(`select id, '${pad}' as pad from users`))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  socket.resume()
  const first = await raw.hear('Z')
  expect(first.filter((each) => each[0] === 0x44).length).toBe(1000)
  const second = await raw.hear('Z')
  expect(second.filter((each) => each[0] === 0x44).length).toBe(1000)
})

test('it can be cancelled, on all shards', async () => {
  const client = await there.through()
  const waiting = client.query(`select id from users where md5(repeat(name, 5000000)) <> 'x' order by id`)
  const failed = expect(waiting).rejects.toMatchObject({ code: '57014' })
  const shards = await Promise.all(['s1', 's2'].map((group) => there.open(there.dsnOf(group, 'superuser'))))
  const busy = async (): Promise<number> => {
    const asked = `select from pg_stat_activity where query like 'select id from users where md5%' and state = 'active'`
    const found = await Promise.all(shards.map((shard) => shard.query(asked)))
    return found.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0)
  }
  await until('it runs', async () => (await busy()) > 0)
  const canceller = new pg.Client(there.url())
  ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
    client,
    (client as unknown as { _activeQuery: unknown })._activeQuery,
  )
  await failed
  await until('none runs any more', async () => (await busy()) === 0)
})
