import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPool, type Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

let fixture: ShardedPool
let pool: Pool

const SHARDS = ['s1', 's2', 's3']

beforeAll(async () => {
  fixture = await ShardedPool.open({
    placement: `
  tables:
    users: { key: id }
    orders: { key: user_id }
    products: { kind: reference }`,
  })
  pool = fixture.pool
  await pool.query('create table users (id bigint primary key, name text, score int default 0)')
  await pool.query(
    'create table orders (id bigint, user_id bigint references users (id), product int, amount int)',
  )
  await pool.query('create table products (id int primary key, name text)')
  await pool.query('create table notes (id serial primary key, text text)')
}, 180_000)

afterAll(() => fixture.close())

test('rows are where the map says, each in one place', async () => {
  for (let id = 1; id <= 60; id++) await pool.query('insert into users values ($1, $2)', [id, `u${id}`])
  const rows = await fixture.onEach('select id::int from users order by id')
  expect(
    rows
      .flat()
      .map(({ id }) => id)
      .sort((a, b) => Number(a) - Number(b)),
  ).toEqual(Array.from({ length: 60 }, (_, at) => at + 1))
  for (const part of rows) expect(part.length).toBeGreaterThan(5)
  for (let id = 1; id <= 60; id++)
    expect((await pool.query('select name from users where id = $1', [id])).rows).toEqual([
      { name: `u${id}` },
    ])
})

test('a row inserted by literal is found by parameter, and the other way round', async () => {
  await pool.query(`insert into users (name, id) values ('literal', -7)`)
  expect((await pool.query('select name from users where id = $1', ['-7'])).rows).toEqual([
    { name: 'literal' },
  ])
  expect((await pool.query('select name from users where id = -7')).rows).toEqual([{ name: 'literal' }])
  expect((await pool.query('delete from users where id in (-7)')).rowCount).toBe(1)
})

test('an INSERT of rows of several shards is taken apart, and its answer put together in order', async () => {
  const ids = Array.from({ length: 40 }, (_, at) => 1000 + at)
  const places = ids.map((_, at) => `($${2 * at + 1}, $${2 * at + 2})`).join(', ')
  const { rows, rowCount, command } = await pool.query(
    `insert into users (id, name) values ${places} returning id::int`,
    ids.flatMap((id) => [id, `many ${id}`]),
  )
  expect({ rowCount, command }).toEqual({ rowCount: 40, command: 'INSERT' })
  expect(rows.map(({ id }) => id)).toEqual(ids)
  const before = await fixture.onEach('select count(*)::int as n from users')
  await expect(
    pool.query(
      `insert into users (id, name) values (2000, 'a'), (2001, 'b'), (2002, 'c'), (2003, 'd'), (1000, 'again')`,
    ),
  ).rejects.toMatchObject({ code: '23505' })
  expect(await fixture.onEach('select count(*)::int as n from users')).toEqual(before)
})

test('a write without the key is done on every shard, or on none', async () => {
  const { rowCount } = await pool.query('update users set score = score + 1 where id >= 1000')
  expect(rowCount).toBe(40)
  await expect(
    pool.query('update users set score = 1 / (id - 1020)::int where id >= 1000'),
  ).rejects.toMatchObject({
    code: '22012',
  })
  const scores = (await fixture.onEach('select distinct score from users where id >= 1000')).flat()
  expect(scores.every(({ score }) => score === 1)).toBe(true)
})

test('every shard has the same copy of a reference table', async () => {
  await pool.query(`insert into products values (1, 'one'), (2, 'two')`)
  const { rowCount } = await pool.query(`update products set name = 'deux' where id = 2`)
  expect(rowCount).toBe(1)
  const copies = await fixture.onEach('select * from products order by id')
  for (const copy of copies)
    expect(copy).toEqual([
      { id: 1, name: 'one' },
      { id: 2, name: 'deux' },
    ])
  expect((await pool.query('select name from products order by id')).rows).toEqual([
    { name: 'one' },
    { name: 'deux' },
  ])
})

test('rows are joined with what lies beside them', async () => {
  for (const user of [1, 2, 3])
    await pool.query('insert into orders values ($1, $2, 1, $3)', [user * 10, user, user * 100])
  const { rows } = await pool.query(
    `select u.name, o.amount, p.name as product from users u
       join orders o on o.user_id = u.id join products p on p.id = o.product where u.id = $1`,
    [2],
  )
  expect(rows).toEqual([{ name: 'u2', amount: 200, product: 'one' }])
})

test('what is not spread stays in the home group', async () => {
  await pool.query(`insert into notes (text) values ('here')`)
  expect((await pool.query('select text from notes')).rows).toEqual([{ text: 'here' }])
  await expect(fixture.onEach('select 1 from notes')).rejects.toMatchObject({ code: '42P01' })
})

test('a transaction over several shards takes effect on all of them', async () => {
  const sum = async () =>
    (await fixture.onEach('select coalesce(sum(score), 0)::int as sum from users where id between 1 and 20'))
      .flat()
      .reduce((all, { sum: part }) => all + Number(part), 0)
  await pool.query('update users set score = 10 where id between 1 and 20')
  expect(await sum()).toBe(200)
  await pool.transaction(async (tx) => {
    for (let id = 1; id <= 10; id++) {
      await tx.query('update users set score = score - 3 where id = $1', [id])
      await tx.query('update users set score = score + 3 where id = $1', [id + 10])
    }
  })
  expect(await sum()).toBe(200)
  const undone = pool.transaction(async (tx) => {
    for (let id = 1; id <= 20; id++) await tx.query('update users set score = 0 where id = $1', [id])
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  expect(await sum()).toBe(200)
  expect((await fixture.onEach('select count(*)::int as n from pg_prepared_xacts')).flat()).toEqual(
    SHARDS.map(() => ({ n: 0 })),
  )
})

test('BEGIN, SAVEPOINT and COMMIT by hand go over all shards too', async () => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('update users set name = $1 where id = 1', ['first'])
    await client.query('savepoint here')
    await client.query('update users set name = $1 where id = 2', ['second'])
    await client.query('update users set name = $1 where id = 3', ['third'])
    await client.query('rollback to savepoint here')
    expect((await client.query('select name from users where id = 1')).rows).toEqual([{ name: 'first' }])
    await client.query('update users set name = $1 where id = 4', ['fourth'])
    expect((await client.query('commit')).command).toBe('COMMIT')
  } finally {
    client.release()
  }
  const names = await Promise.all(
    [1, 2, 3, 4].map(
      async (id) => (await pool.query('select name from users where id = $1', [id])).rows[0].name,
    ),
  )
  expect(names).toEqual(['first', 'u2', 'u3', 'fourth'])
})

test('after an error nothing of a transaction goes on, on whichever shard', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query('update users set score = -1 where id = 5')
  await expect(client.query('select 1 / 0 from users where id = 6')).rejects.toMatchObject({ code: '22012' })
  await expect(client.query('select 1 from users where id = 5')).rejects.toMatchObject({ code: '25P02' })
  expect((await client.query('commit')).command).toBe('ROLLBACK')
  client.release()
  expect((await pool.query('select score from users where id = 5')).rows[0].score).not.toBe(-1)
})

test.each([
  ['insert into users (name) values ($1)', ['x'], 'SHARD_KEY_MISSING'],
  ['insert into users (id, name) values ($1, $2)', [null, 'x'], 'SHARD_KEY_INVALID'],
  ['update users set id = 7 where id = 1', [], '23503'],
  ['create unique index on users (name)', [], 'NOT_SUPPORTED'],
  ['create table orders2 (a int references users (id))', [], 'NOT_SUPPORTED'],
  ['drop table users, notes', [], 'NOT_SUPPORTED'],
  ['insert into users (id) values ($1)', ['not a number'], 'SHARD_KEY_INVALID'],
  ['select * from users where id = $1', ['99999999999999999999'], '22003'],
])('%s is refused as it should be', async (text, values, code) => {
  await expect(pool.query(text, values)).rejects.toMatchObject({ code })
})

test('a table of the spec that is not there is missed as in any database', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('s2')] })
  await pool.query('drop table orders')
  await expect(pool.query('select * from orders where user_id = 1')).rejects.toMatchObject({ code: '42P01' })
  await expect(other.query('select * from orders where user_id = 1')).rejects.toMatchObject({ code: '42P01' })
  await pool.query('create table orders (id bigint, user_id bigint, amount int)')
  await pool.query('insert into orders values (1, 1, 5)')
  // Also by whoever was given the nodes of a shard, and asked before it was there.
  expect((await other.query('select amount from orders where user_id = 1')).rows).toEqual([{ amount: 5 }])
  await other.end()
})

test('what spans shards is answered as one database would', async () => {
  const { rows } = await pool.query(
    'select count(*)::int as n, min(id)::int as least, max(id)::int as most from users where id between 1 and 60',
  )
  expect(rows).toEqual([{ n: 60, least: 1, most: 60 }])
  const joined = await pool.query(
    `select a.id::int as a, b.id::int as b from users a join users b on b.id = a.id + 1
      where a.id between 1 and 59 order by a.id limit 3`,
  )
  expect(joined.rows).toEqual([1, 2, 3].map((id) => ({ a: id, b: id + 1 })))
  await pool.query('alter table users add column mood text')
  await pool.query(`update users set mood = 'fine' where id = 9`)
  expect((await pool.query(`select id::int from users where mood = 'fine'`)).rows).toEqual([{ id: 9 }])
  expect(
    (await pool.query(`select u.name, n.text from users u, notes n where u.mood = 'fine'`)).rows,
  ).toEqual([{ name: 'u9', text: 'here' }])
})

test('ids are unique over processes and shards, and rise with time', async () => {
  const other = createPool({ nodes: [fixture.dsnOf('s3')] })
  const first = await pool.nextId()
  const ids = await Promise.all(Array.from({ length: 500 }, (_, at) => (at % 2 ? pool : other).nextId()))
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const last = await other.nextId()
  expect(new Set(ids).size).toBe(500)
  for (const id of ids) expect(id > first && id < last).toBe(true)
  await pool.query('insert into users (id, name) values ($1, $2)', [first, 'by id'])
  expect((await pool.query('select name from users where id = $1', [first])).rows).toEqual([
    { name: 'by id' },
  ])
  await other.end()
})

test.each<[string, (pool: Pool, first: number) => Promise<unknown>]>([
  [
    'a transaction',
    (pool, first) =>
      pool.transaction(async (transaction) => {
        for (let id = first; id < first + 20; id++)
          await transaction.query('insert into users (id) values ($1)', [id])
      }),
  ],
  [
    'an INSERT of many rows',
    (pool, first) =>
      pool.query(
        `insert into users (id) values ${Array.from({ length: 20 }, (_, at) => `(${200 + first + at})`)}`,
      ),
  ],
])('%s over shards leaves its connections to the next one as they are', async (_, write) => {
  const one = createPool({ nodes: [fixture.dsnOf('home')], max: 1 })
  try {
    for (let turn = 0; turn < 3; turn++) await write(one, 7000 + 20 * turn)
    // What was taken back from them would have to be set up again.
    const last = await fixture.onEach(
      `select query from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`,
    )
    for (const queries of last) {
      const texts = queries.map(({ query }) => query as string)
      expect(texts.some((text) => /^(insert into pgherd.decision|COMMIT PREPARED)/.test(text))).toBe(true)
    }
  } finally {
    await one.end()
  }
})

test.each<[string, (count: number) => [text: string, values?: unknown[]]]>([
  [
    'literals',
    (count) => [rowsOf(count, (at) => `(${50_000 + at}, ${at % 9 ? `'u${at}'` : 'null'}, ${at})`)],
  ],
  [
    'parameters',
    (count) => [
      rowsOf(count, (at) => `($${3 * at + 1}, $${3 * at + 2}, $${3 * at + 3})`),
      Array.from({ length: 3 * count }, (_, at) => [50_000 + Math.floor(at / 3), 'u', 1][at % 3]),
    ],
  ],
])('an INSERT takes as many rows as in one database: 20,000 of %s', async (_, statement) => {
  const { rowCount } = await pool.query(...statement(20_000))
  expect(rowCount).toBe(20_000)
  const deleted = await pool.query('delete from users where id between 50000 and 69999')
  expect(deleted.rowCount).toBe(20_000)
})

function rowsOf(count: number, row: (at: number) => string): string {
  return `insert into users (id, name, score) values ${Array.from({ length: count }, (_, at) => row(at)).join(', ')}`
}
