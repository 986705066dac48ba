import { makeShardMap, type ShardMap, stretchesOf } from '@pgherd/core/sharding'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

/* What applications do to a client of a sharded herd that are unlucky, or do not care. */

const SHARDS = ['s1', 's2']

let fixture: ShardedPool
let pool: Pool
/** A key on each shard. */
let a: number
let b: number

beforeAll(async () => {
  fixture = await ShardedPool.open({
    shards: 2,
    placement: `
  tables:
    users: { key: id }
    made: { key: k }
    odd: { key: k }
    late: { key: k }`,
  })
  pool = fixture.pool
  await pool.query('create table users (id bigint primary key, name text)')
  await pool.query('create table notes (text text)')
  for (let id = 1; id <= 20; id++) await pool.query('insert into users values ($1, $2)', [id, 'new'])
  const found = await fixture.onEach('select min(id)::int as id from users')
  ;[a, b] = found.map(([row]) => row?.id) as [number, number]
}, 180_000)

beforeEach(async () => {
  await pool.query(`update users set name = 'new'`)
})

afterAll(() => fixture.close())

async function nameOf(...ids: number[]): Promise<string[]> {
  const { rows } = await pool.query('select name from users where id = any ($1) order by id = $2 desc', [
    ids,
    ids[0],
  ])
  return rows.map(({ name }) => name)
}

const rename = (id: number, name: string): string => `update users set name = '${name}' where id = ${id}`

test('a transaction begins also where the session is held on a connection already', async () => {
  await fixture.withClient(async (client) => {
    await client.query('listen something')
    await client.query('begin')
    await client.query(`insert into notes values ('undone')`)
    await client.query('rollback')
  })
  expect((await pool.query(`select from notes where text = 'undone'`)).rowCount).toBe(0)
})

test.each([
  ['BEGIN with a write of one shard', () => `begin; ${rename(a, 'begun')}`],
  ['BEGIN with what it sets', () => 'begin; set transaction read only'],
  ['BEGIN after something else', () => 'select 1; begin'],
])('%s in one text is refused: the others would not be part of it', async (_, text) => {
  await fixture.withClient(async (client) => {
    await expect(client.query(text())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    expect(client.getTransactionStatus()).toBe('I')
    await client.query(rename(b, 'by itself'))
    await client.query('commit')
  })
  expect(await nameOf(a, b)).toEqual(['new', 'by itself'])
})

test.each([
  ['alone', [], `set application_name to 'mine'; set timezone to 'Asia/Tokyo'`],
  ['ahead of something else', [], `set application_name to 'mine'; select 1`],
  ['in a transaction', ['begin'], `set local application_name to 'mine'; select 1`],
])(
  'I6: settings in a text of several statements, %s, are refused: one group would have them',
  async (_, before, text) => {
    await fixture.withClient(async (client) => {
      for (const each of before) await client.query(each)
      await expect(client.query(text)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
      expect(client.getTransactionStatus()).toBe(before.length > 0 ? 'E' : 'I')
      await client.query('rollback')
    })
  },
)

test('a callback may stand among what a statement is asked with, as in pg', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin')
    for (const text of [`select ${a} as id`, `select id::int from users where id = ${a}`]) {
      const answer = await new Promise<pg.QueryResult>((resolve, reject) => {
        const callback = (error: Error | null, answer: pg.QueryResult): void => {
          if (error === null) resolve(answer)
          else reject(error)
        }
        expect(client.query({ text, callback } as pg.QueryConfig)).toBeUndefined()
      })
      expect(answer.rows).toEqual([{ id: a }])
    }
    await client.query('commit')
  })
})

test('COMMIT AND CHAIN begins the next transaction, of the same kind', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin isolation level repeatable read')
    await client.query(rename(a, 'kept'))
    await client.query('commit and chain')
    await client.query(rename(a, 'undone'))
    const text = `select current_setting('transaction_isolation') as level from users where id = ${a}`
    expect((await client.query(text)).rows).toEqual([{ level: 'repeatable read' }])
    await client.query('rollback')
  })
  expect(await nameOf(a)).toEqual(['kept'])
})

test('COMMIT fails when a part was lost of which nobody had been told', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query(rename(a, 'lost'))
  const { rows } = await client.query(`select pg_backend_pid() as pid from users where id = ${a}`)
  const admin = await connect(fixture.dsnOf('s1', 'superuser'))
  const gone = new Promise((resolve) => client.once('error', resolve))
  await admin.query('select pg_terminate_backend($1)', [rows[0].pid])
  await gone
  await expect(client.query('commit')).rejects.toMatchObject({ code: 'TRANSACTION_LOST' })
  client.release()
  expect(await nameOf(a)).toEqual(['new'])
})

test('a savepoint that is not there fails the transaction, on all of its groups', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin')
    await client.query(rename(a, 'undone'))
    await expect(client.query('rollback to nowhere')).rejects.toMatchObject({ code: '3B001' })
    await expect(client.query(rename(b, 'undone'))).rejects.toMatchObject({ code: '25P02' })
    expect((await client.query('commit')).command).toBe('ROLLBACK')
  })
  expect(await nameOf(a, b)).toEqual(['new', 'new'])
})

test('who commits under another role commits on all groups, and leaves nothing prepared', async () => {
  for (const group of ['home', ...SHARDS]) {
    const admin = await connect(fixture.dsnOf(group, 'superuser'))
    await admin.query('create role other')
    await admin.query('grant other to app')
    if (group !== 'home') await admin.query('grant all on users to other')
  }
  await pool.transaction(async (tx) => {
    await tx.query('set local role other')
    await tx.query(rename(a, 'by other'))
    await tx.query(rename(b, 'by other'))
  })
  expect(await nameOf(a, b)).toEqual(['by other', 'by other'])
  expect((await fixture.onEach('select from pg_prepared_xacts')).flat()).toEqual([])
})

test('NOTIFY is part of a transaction over several groups', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin')
    await client.query(rename(a, 'told'))
    await client.query('notify something')
    expect((await client.query('commit')).command).toBe('COMMIT')
  })
  expect(await nameOf(a)).toEqual(['told'])
})

test.each([
  ['SET', [`set application_name to 'mine'`]],
  ['set_config', [`select set_config('application_name', 'mine', false)`]],
  ['SET in a transaction that is committed', ['begin', `set application_name to 'mine'`, 'commit']],
])('I6: what %s says holds on every group, and for nobody else', async (_, texts) => {
  const setting = `select current_setting('application_name') as set from users where id = `
  await fixture.withClient(async (client) => {
    for (const text of texts) await client.query(text)
    for (const id of [a, b]) expect((await client.query(setting + id)).rows).toEqual([{ set: 'mine' }])
    // Of several shards, and written to several.
    const read = await client.query(`select distinct current_setting('application_name') as set from users`)
    expect(read.rows).toEqual([{ set: 'mine' }])
    await client.query(`update users set name = current_setting('application_name')`)
  })
  expect(await nameOf(a, b)).toEqual(['mine', 'mine'])
  for (const id of [a, b]) expect((await pool.query(setting + id)).rows).toEqual([{ set: '' }])
})

test('what is set and taken back is not set on groups that come later', async () => {
  const setting = `select current_setting('application_name') as set from users where id = ${a}`
  await fixture.withClient(async (client) => {
    await client.query(`set application_name to 'mine'`)
    await client.query('discard all')
    expect((await client.query(setting)).rows).toEqual([{ set: '' }])
    await client.query('begin')
    await client.query('savepoint here')
    await client.query(`set application_name to 'mine'`)
    await client.query('rollback to here')
    expect((await client.query(setting)).rows).toEqual([{ set: '' }])
    await client.query('commit')
    await expect(client.query('set nonsense to 1')).rejects.toMatchObject({ code: '42704' })
    expect((await client.query(setting)).rows).toEqual([{ set: '' }])
  })
})

test('a transaction that has only read may read several shards too', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin')
    await client.query(`select name from users where id = ${a}`)
    expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 20 }])
    await client.query('commit')
  })
})

test('what SHOW says is no write: a read of several shards sees all there is', async () => {
  await fixture.withClient(async (client) => {
    await client.query('begin read only')
    await client.query('show transaction_isolation')
    expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 20 }])
    await client.query('commit')
  })
})

test('a table made in a transaction can be used in it', async () => {
  await pool.transaction(async (tx) => {
    await tx.query('create table made (k int primary key, v int)')
    await tx.query('insert into made values (1, 1), (2, 2), (3, 3), (4, 4)')
    expect((await tx.query('select v from made where k = 3')).rows).toEqual([{ v: 3 }])
  })
  expect((await pool.query('select sum(v)::int as sum from made')).rows).toEqual([{ sum: 10 }])
})

test('a table whose shard key cannot be one is not made, and what is known of others stays', async () => {
  for (const column of ['k numeric', 'other int'])
    await expect(pool.query(`create table odd (${column})`)).rejects.toMatchObject({
      code: 'SHARD_KEY_INVALID',
    })
  expect((await fixture.onEach(`select to_regclass('odd') as found`)).flat()).toEqual([
    { found: null },
    { found: null },
  ])
  // By somebody else, behind the pool's back.
  for (const shard of SHARDS)
    await (await connect(fixture.dsnOf(shard))).query('create table odd (k numeric)')
  const other = createPool({ nodes: [fixture.dsnOf('home')] })
  expect((await other.query(`select 1 as one from users where id = ${a}`)).rows).toEqual([{ one: 1 }])
  await expect(other.query('insert into odd values (1)')).rejects.toMatchObject({ code: 'SHARD_KEY_INVALID' })
  await other.query('drop table odd')
  await other.end()
})

test('a table of the home group that is new can be joined with those of shards at once', async () => {
  await pool.query('create table homely (n int)')
  await pool.query('insert into homely values (7)')
  const { rows } = await pool.query('select n, count(*)::int as users from homely, users group by n')
  expect(rows).toEqual([{ n: 7, users: 20 }])
})

test('a transaction goes where rows belong under a map that has changed', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('home')] })
  await other.query(`select 1 from users where id = ${a}`)
  const map = fixture.herd.placement()?.map as ShardMap
  const next = { epoch: map.epoch + 1, line: map.line, shards: map.shards, stretches: stretchesOf(map) }
  await fixture.herd.changePlacement({ map: makeShardMap(next) })
  for (const id of [a, b]) await other.transaction((tx) => tx.query(rename(id, 'later')), { retry: true })
  await other.end()
  expect(await nameOf(a, b)).toEqual(['later', 'later'])
})

test('a write to several shards is aborted by its signal, and leaves nothing', async () => {
  const text = `update users set name = 'aborted' where pg_sleep(0.3) is not null`
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(200)]) {
    const error = await pool.query({ text, signal }).catch((reason) => reason)
    expect(error).toBe(signal.reason)
  }
  expect(await nameOf(a, b)).toEqual(['new', 'new'])
})

test('a cursor that cannot be run is refused by its own event', async () => {
  await fixture.withClient(async (client) => {
    const refused = new Promise<Error>((resolve) => {
      const cursor = { text: 'begin; select 1', submit() {}, handleError: resolve }
      expect(client.query(cursor as unknown as pg.Submittable)).toBe(cursor)
    })
    expect(await refused).toMatchObject({ code: 'NOT_SUPPORTED' })
  })
})

test('after end() a client that has a transaction can commit it, and one that has none is refused', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('home')] })
  const [busy, idle] = [await other.connect(), await other.connect()]
  await busy.query('begin')
  for (const id of [a, b]) await busy.query(rename(id, 'at the end'))
  const ended = other.end()
  expect((await busy.query('commit')).command).toBe('COMMIT')
  busy.release()
  await ended
  await expect(idle.query(`select 1 from users where id = ${a}`)).rejects.toMatchObject({
    code: 'POOL_CLOSED',
  })
  expect(await nameOf(a, b)).toEqual(['at the end', 'at the end'])
})

test('a change of the schema that one shard refuses is made on none', async () => {
  const only = await connect(fixture.dsnOf('s2'))
  await only.query('create index only_there on users (name)')
  await expect(pool.query('create index only_there on users (name)')).rejects.toMatchObject({
    code: '42P07',
    message: expect.stringContaining('(on s2)'),
  })
  expect((await fixture.onEach(`select to_regclass('only_there') is not null as found`)).flat()).toEqual([
    { found: false },
    { found: true },
  ])
})

test.each([[3], [5]])(
  'an INSERT of rows of several shards with %s values for 4 is refused',
  async (count) => {
    const values = [1000 + a, 'a', 1000 + b, 'b', 'c'].slice(0, count)
    const ids = [1001, 1002, 1003, 1004, 1005].map((id) => `(${id}, 'x')`).join(', ')
    await expect(
      pool.query(`insert into users (id, name) values ($1, $2), ($3, $4), ${ids}`, values),
    ).rejects.toMatchObject({ code: '08P01' })
    expect((await pool.query('select from users')).rowCount).toBe(20)
  },
)

test('transactions that hold the last connections of shards and want those of others end by themselves', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('home')], max: 1, failoverWaitMs: 1000 })
  const both = new Set<number>()
  const cross = (first: number, second: number): Promise<void> =>
    other.transaction(async (tx) => {
      await tx.query(`select from users where id = ${first}`)
      both.add(first)
      while (both.size < 2) await new Promise((resolve) => setTimeout(resolve, 5))
      await tx.query(`select from users where id = ${second}`)
    })
  const ended = await Promise.allSettled([cross(a, b), cross(b, a)])
  const failed = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []))
  expect(failed.length).toBeGreaterThan(0)
  expect(new Set(failed)).toEqual(new Set(['QUEUE_FULL']))
  await other.end()
})

test('I10: what is left prepared is ended also while a shard hangs, and the federation with it', {
  timeout: 120_000,
}, async () => {
  const id = '33333333-3333-4333-8333-333333333333'
  const s1 = await connect(fixture.dsnOf('s1'))
  const hung = fixture.herd.primaryOf('s2')?.name as string
  await s1.query('begin')
  await s1.query(rename(a, 'left'))
  await s1.query(`prepare transaction 'pgherd:home:${id}'`)
  await fixture.herd.disturb(hung, 'pause')
  try {
    const home = await connect(fixture.dsnOf('home'))
    await home.query('select pgherd.note_schema_change()')
    const beganMs = performance.now()
    await until('it is ended', async () => (await s1.query('select from pg_prepared_xacts')).rowCount === 0)
    expect(performance.now() - beganMs).toBeLessThan(28_000)
  } finally {
    await fixture.herd.disturb(hung, 'resume')
  }
})

test('a client has type parsers of its own, on every group', async () => {
  await fixture.withClient(async (client) => {
    client.setTypeParser(20, (text: string) => `<${text}>`)
    for (const id of [a, b])
      expect((await client.query(`select id from users where id = ${id}`)).rows).toEqual([{ id: `<${id}>` }])
    expect(client.getTypeParser(20)('1')).toBe('<1>')
  })
  expect((await pool.query(`select id from users where id = ${a}`)).rows).toEqual([{ id: String(a) }])
})

test('I8: a row is where its key belongs, whatever order the columns have by now', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('home')] })
  await pool.query('drop table if exists late')
  await pool.query('create table late (k int primary key, v int)')
  await other.query('select v from late where k = 1')
  await pool.query('drop table late')
  await pool.query('create table late (v int, k int primary key)')
  // It means the columns as they were when it looked.
  for (let k = 1; k <= 8; k++) await other.query('insert into late values ($1, $2)', [k, k * 10])
  await other.query('insert into late values (11, 110), (12, 120), (13, 130), (14, 140)')
  for (const k of [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14])
    expect((await pool.query('select v from late where k = $1', [k])).rows).toEqual([{ v: k * 10 }])
  await other.end()
})

test('a table that search_path has ahead of the one in the spec is not made', async () => {
  await pool.query('drop table if exists late')
  await pool.query('create schema app')
  try {
    const why = 'By search_path late is app.late, and by the spec it is public.late.'
    await expect(pool.query('create table late (k int primary key)')).rejects.toMatchObject({ message: why })
    const found = `select to_regclass('app.late') is null as gone`
    expect(await fixture.onEach(found)).toEqual(SHARDS.map(() => [{ gone: true }]))
    await pool.query('create table public.late (k int primary key)')
    await pool.query('insert into late values (1), (2), (3)')
    expect((await pool.query('select count(*)::int as n from late')).rows).toEqual([{ n: 3 }])
  } finally {
    await pool.query('drop table if exists public.late')
    await pool.query('drop schema app')
  }
})
