import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { scratchHerd, until } from '../../../../test/scratch-herd.js'
import { ShardedProxy } from './sharded-proxy.js'

const there = ShardedProxy.before(
  () =>
    scratchHerd(`
groups: [{ name: home, nodes: 2 }, { name: s, count: 2, nodes: 1 }]
sharding:
  strategy: modulo
  groups: [s1, s2]
  tables:
    users: { key: id }
    orders: { key: user_id }
    products: { kind: reference }
    events: { key: user_id }
  sequences: strided
`),
  [
    'create table users (id int8 primary key, name text not null)',
    'create table orders (user_id int8 not null, n int not null, primary key (user_id, n))',
    'create table products (id int primary key, price int not null)',
    'create table notes (id int primary key, text text)',
  ],
)

beforeEach(async () => {
  const client = await there.through()
  for (const table of ['users', 'orders', 'products', 'notes']) await client.query(`truncate ${table}`)
})

/** The ids that each shard has by itself. */
async function placed(table = 'users', column = 'id'): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const group of ['s1', 's2']) {
    const client = await there.open(there.dsnOf(group))
    const { rows } = await client.query(`select ${column}::text as id from ${table} order by ${column}`)
    found[group] = rows.map(({ id }) => id)
  }
  return found
}

async function addUsers(client: pg.Client, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, at) => `(${at + 1}, 'user ${at + 1}')`)
  await client.query(`insert into users (id, name) values ${rows.join(', ')}`)
}

test('rows are where their keys say, by text and by parameters', async () => {
  const client = await there.through()
  await client.query('insert into users (id, name) values ($1, $2)', [1, 'one'])
  for (let id = 2; id <= 20; id++) await client.query(`insert into users (id, name) values (${id}, 'u')`)
  const { s1 = [], s2 = [] } = await placed()
  expect([...s1, ...s2].map(Number).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, at) => at + 1),
  )
  expect(Math.min(s1.length, s2.length)).toBeGreaterThan(3)
  for (let id = 1; id <= 20; id++) {
    const query = { name: 'one', text: 'select id::int from users where id = $1', values: [id] }
    expect((await client.query(query)).rows).toEqual([{ id }])
  }
})

test('an INSERT of many rows is parted, and what it returns is put together in order', async () => {
  const client = await there.through()
  const values = Array.from({ length: 12 }, (_, at) => [at + 1, `u${at + 1}`])
  const places = values.map((_, at) => `($${2 * at + 1}, $${2 * at + 2})`).join(', ')
  const text = `insert into users (id, name) values ${places} returning id::int, name`
  const { rows, rowCount, command } = await client.query(text, values.flat())
  expect(rows).toEqual(values.map(([id, name]) => ({ id, name })))
  expect({ rowCount, command }).toEqual({ rowCount: 12, command: 'INSERT' })
  const { s1 = [], s2 = [] } = await placed()
  expect(s1.length + s2.length).toBe(12)
  expect(Math.min(s1.length, s2.length)).toBeGreaterThan(1)
})

test('an INSERT takes as many rows as in one database', async () => {
  const client = await there.through()
  await addUsers(client, 20_000)
  expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 20_000 }])
})

test('what several shards have is read as one table', async () => {
  const client = await there.through()
  await addUsers(client, 30)
  expect((await client.query('select count(*)::int as n, min(id)::int as first from users')).rows).toEqual([
    { n: 30, first: 1 },
  ])
  expect(
    (await client.query('select id::int from users where id > $1 order by id limit 3', [5])).rows,
  ).toEqual([{ id: 6 }, { id: 7 }, { id: 8 }])
  await client.query(`insert into notes values (3, 'of three')`)
  const join = 'select name, text from users join notes using (id)'
  expect((await client.query(join)).rows).toEqual([{ name: 'user 3', text: 'of three' }])
})

test('whoever has read all shards keeps no connection for it', async () => {
  const client = await there.through()
  await client.query('select count(*) from users')
  await client.query('insert into users (id, name) values (1, $1)', ['u'])
  await until('all are free', () => there.proxy.facts.servers.every(({ state }) => state !== 'taken'))
  expect(there.proxy.facts.clients.map(({ state }) => state)).not.toContain('idle in transaction')
})

test('what is written on several shards is written on all or none', async () => {
  const client = await there.through()
  await addUsers(client, 10)
  expect((await client.query(`update users set name = 'x'`)).rowCount).toBe(10)
  const returned = await client.query('delete from users where id = any($1) returning id::int', [
    [1, 2, 3, 4],
  ])
  expect(returned.rows.map(({ id }) => id).sort()).toEqual([1, 2, 3, 4])
  expect(returned.rowCount).toBe(4)
  await client.query('insert into products values (1, 10), (2, 20)')
  expect(await placed('products')).toEqual({ s1: ['1', '2'], s2: ['1', '2'] })
  await expect(client.query('insert into products values (3, 1), (3, 1)')).rejects.toMatchObject({
    code: '23505',
  })
  expect(await placed('products')).toEqual({ s1: ['1', '2'], s2: ['1', '2'] })
})

test('a transaction over several groups takes effect on all of them, or on none', async () => {
  const [client, other] = [await there.through(), await there.through()]
  await client.query('begin')
  for (let id = 1; id <= 6; id++)
    await client.query('insert into users (id, name) values ($1, $2)', [id, 'u'])
  await client.query(`insert into notes values (1, 'n')`)
  expect((await other.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
  expect((await client.query('select name from users where id = 3')).rows).toEqual([{ name: 'u' }])
  await client.query('commit')
  expect((await other.query('select count(*)::int as n from users')).rows).toEqual([{ n: 6 }])
  expect((await other.query('select * from notes')).rowCount).toBe(1)
  await client.query('begin')
  await client.query('delete from users where id = 1')
  await client.query('delete from users where id = 2')
  await client.query('delete from users where id = 3')
  await client.query('rollback')
  expect((await other.query('select count(*)::int as n from users')).rows).toEqual([{ n: 6 }])
})

test('after an error nothing of a transaction goes on, on any group', async () => {
  const client = await there.through()
  await client.query('begin')
  for (let id = 1; id <= 6; id++)
    await client.query('insert into users (id, name) values ($1, $2)', [id, 'u'])
  await expect(client.query(`insert into users (id, name) values (1, 'again')`)).rejects.toMatchObject({
    code: '23505',
  })
  for (const text of ['select 1', 'select * from users where id = 2', 'select count(*) from users'])
    await expect(client.query(text)).rejects.toMatchObject({ code: '25P02' })
  expect((await client.query('commit')).command).toBe('ROLLBACK')
  expect(await placed()).toEqual({ s1: [], s2: [] })
})

test('savepoints are those of all groups, also of those that come later', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query(`insert into users (id, name) values (1, 'u')`)
  await client.query('savepoint a')
  for (let id = 2; id <= 6; id++) await client.query(`insert into users (id, name) values (${id}, 'u')`)
  await expect(client.query(`insert into users (id, name) values (6, 'u')`)).rejects.toMatchObject({
    code: '23505',
  })
  await client.query('rollback to a')
  await client.query(`insert into users (id, name) values (7, 'u')`)
  await client.query('commit')
  const { s1 = [], s2 = [] } = await placed()
  expect([...s1, ...s2].sort()).toEqual(['1', '7'])
})

test('what a session sets is so on every group', async () => {
  const client = await there.through()
  await addUsers(client, 4)
  await client.query(`set statement_timeout = '1234ms'`)
  for (const id of [1, 2, 3, 4])
    expect(
      (await client.query(`select current_setting('statement_timeout') as s from users where id = ${id}`))
        .rows,
    ).toEqual([{ s: '1234ms' }])
  await client.query(`set app.who = 'me'`)
  for (const id of [1, 2, 3, 4])
    expect(
      (await client.query(`select current_setting('app.who') as s from users where id = ${id}`)).rows,
    ).toEqual([{ s: 'me' }])
  await client.query('begin')
  await client.query(`set local app.who = 'you'`)
  for (const id of [1, 2, 3, 4])
    expect(
      (await client.query(`select current_setting('app.who') as s from users where id = ${id}`)).rows,
    ).toEqual([{ s: 'you' }])
  await client.query('commit')
  expect((await client.query(`select current_setting('app.who') as s from users where id = 2`)).rows).toEqual(
    [{ s: 'me' }],
  )
  const next = await there.through()
  for (const id of [1, 2, 3, 4])
    expect(
      (
        await next.query(
          `select coalesce(current_setting('app.who', true), '') as s from users where id = ${id}`,
        )
      ).rows,
    ).toEqual([{ s: '' }])
})

test('a change of the schema is made on all shards, and can be used at once', async () => {
  const client = await there.through()
  await client.query('alter table users add column age int')
  await client.query(`insert into users (id, name, age) values (1, 'a', 5), (2, 'b', 6), (3, 'c', 7)`)
  expect((await client.query('select sum(age)::int as n from users')).rows).toEqual([{ n: 18 }])
  await client.query('create index concurrently users_age on users (age)')
  await client.query('alter table users drop column age')
})

test('what nobody can answer rightly is refused with the reason', async () => {
  const client = await there.through()
  await expect(client.query(`insert into users (name) values ('nobody')`)).rejects.toMatchObject({
    message: expect.stringContaining('id'),
  })
  await expect(client.query(`insert into users (id, name) values (null, 'nobody')`)).rejects.toMatchObject({
    code: '23502',
  })
  await expect(client.query('select * from nowhere')).rejects.toMatchObject({ code: '42P01' })
  await client.query('begin isolation level serializable')
  await client.query('select * from users where id = 1')
  await expect(client.query('select count(*) from users')).rejects.toMatchObject({ code: '0A000' })
  await client.query('rollback')
})

test('all shards together are read in the federation database', async () => {
  const url = new URL(there.url())
  url.pathname = `/${there.herd.spec.database}_herd`
  await until('it is there', async () => {
    const client = new pg.Client(url.href)
    client.on('error', () => {})
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  })
  const client = await there.open(url.href)
  await expect(client.query(`insert into notes values (1, 'n')`)).rejects.toMatchObject({ code: '42501' })
})

test('columns of tables that are spread are drawn from sequences, of which no two give the same', async () => {
  const client = await there.through()
  await client.query('create table events (id bigserial, user_id int8, n int generated always as identity)')
  const users = Array.from({ length: 20 }, (_, at) => at + 1)
  const insert = `insert into events (user_id) values ${users.map((id) => `(${id})`).join(', ')} returning id, n, user_id`
  const { rows } = await client.query(insert)
  expect(rows.map(({ user_id }) => Number(user_id))).toEqual(users)
  await client.query('insert into events (user_id) values ($1)', [7])
  const { rows: all } = await client.query('select id, n from events')
  expect(new Set(all.map(({ id }) => id)).size).toBe(21)
  expect(new Set(all.map(({ n }) => n)).size).toBe(21)
  expect(rows.every((row) => all.some(({ id, n }) => id === row.id && n === row.n))).toBe(true)
})
