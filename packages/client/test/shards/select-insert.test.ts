import type { Herd } from '@pgherd/cluster'
import { locateKey } from '@pgherd/core/sharding'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect } from '../../../../test/scratch-herd.js'
import type { Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

/* INSERT of what a query gives, and MERGE, beside the same in one database. */

const SHARDS = ['s1', 's2', 's3']
const TABLES = ['users', 'counts', 'rates', 'notes']

let fixture: ShardedPool
let pool: Pool
let oracle: pg.Client

beforeAll(async () => {
  fixture = await ShardedPool.open({
    placement: `
  tables:
    users: { key: id }
    counts: { key: k }
    rates: { kind: reference }`,
  })
  pool = fixture.pool
  oracle = await fixture.openOracle()
  await both('create table users (id int8 primary key, name varchar(10), score numeric(6, 1), seen date)')
  await both('create table counts (k int4, n int, note text, primary key (k))')
  await both('create table rates (code text primary key, rate float8)')
  await both('create table notes (text text, n int)')
}, 180_000)

beforeEach(async () => {
  for (const table of TABLES) await both(`truncate ${table}`)
  const rows = Array.from(
    { length: 90 },
    (_, id) => `(${id}, 'u${id % 7}', ${id / 4}, date '2026-01-01' + ${id})`,
  )
  await both(`insert into users values ${rows.join(', ')}`)
  await both(`insert into rates values ('EUR', 1), ('USD', 1.1)`)
  await both(`insert into notes values ('one', 1), ('two', 2), (null, 3)`)
})

afterAll(() => fixture.close())

async function both(text: string, values: unknown[] = []): Promise<void> {
  for (const where of [pool, oracle]) await where.query(text, values)
}

interface Outcome {
  code?: string
  rows?: string[]
  rowCount?: number | null
}

async function outcomeOf(where: Pick<pg.Client, 'query'>, text: string, values: unknown[]): Promise<Outcome> {
  try {
    const { rows, rowCount, command, fields } = await where.query(text, values)
    return {
      rows: rows.map((row) => JSON.stringify(row)).sort(),
      rowCount,
      command,
      fields: fields.map((f) => f.name),
    }
  } catch (error) {
    return { code: (error as { code: string }).code }
  }
}

async function contents(where: Pick<pg.Client, 'query'>): Promise<unknown> {
  const found: Record<string, unknown> = {}
  for (const table of TABLES)
    found[table] = ((await outcomeOf(where, `select * from ${table}`, [])) as { rows: unknown }).rows
  return found
}

test.each<[string, unknown[]]>([
  // Groups over shards, sources of home and of every shard, expressions.
  ['insert into counts select id % 10, count(*), max(name) from users group by id % 10', []],
  ['insert into counts (note, k) select name, id from users where id > $1 returning k, note', [40]],
  ['insert into counts (k, n) select n, n + $2 from notes where n > $1', [1, 10]],
  ['insert into counts select id, n, text from users join notes on notes.n = users.id', []],
  ['insert into users (id, name) select id + 1000, name from users order by id limit 5 returning *', []],
  ['insert into users select id + 1000, name, score, seen from users', []],
  ['insert into users select id + 500, $1, $2, null from users where id < 3', ['x', '2.25']],
  [`insert into users select id + 500, 'text', 2.25, '2026-05-05' from users where id < 3`, []],
  // To each shard, and to home.
  [`insert into rates select name, sum(score) from users group by name returning code`, []],
  ['insert into notes select name, id from users where id > 80 returning n', []],
  ['insert into notes select max(name), count(*) from users', []],
  // What is cast on assignment, and what does not fit.
  ['insert into counts (k, n) select id, score from users', []],
  ['insert into users (id, name) select id + 200, repeat(name, 20) from users', []],
  ['insert into counts (k) select id + 3000000000 from users', []],
  ['insert into counts (k) select null::int from users', []],
  ['insert into counts (k, nobody) select id, 1 from users', []],
  ['insert into counts (k, n) select id, 1 from users where id < 0 returning n', []],
  ['insert into users select id, name from users', []],
  ['insert into users select id, name from users where id < 50 on conflict do nothing', []],
  [
    'insert into users (id, score) select id + 45, 7 from users on conflict (id) do update set score = excluded.score + $1 returning id, score',
    [2],
  ],
  ['insert into counts (k, n) select 1, id from users on conflict (k) do update set n = excluded.n', []],
  ['insert into counts (k, n) select (id % 5)::int, id from users on conflict (k) do nothing', []],
])('%s', async (text, values) => {
  const wanted = await outcomeOf(oracle, text, values)
  const found = await outcomeOf(pool as unknown as pg.Client, text, values)
  // Which of several rows comes first is the same nowhere.
  if (!/do nothing/.test(text)) {
    expect(found).toEqual(
      ['22003', '23502'].includes(wanted.code ?? '') ? { code: 'SHARD_KEY_INVALID' } : wanted,
    )
    expect(await contents(pool as unknown as pg.Client)).toEqual(await contents(oracle))
  } else expect((found as { rowCount: number }).rowCount).toBe((wanted as { rowCount: number }).rowCount)
  const { map } = fixture.herd.placement() as NonNullable<ReturnType<Herd['placement']>>
  for (const shard of SHARDS) {
    const client = await connect(fixture.dsnOf(shard))
    for (const { k } of (await client.query('select k from counts')).rows)
      expect(map.shards[locateKey(map, 'int4', k)]).toBe(shard)
    expect((await client.query('select from pg_prepared_xacts')).rowCount).toBe(0)
  }
})

test('more rows than are held at a time', async () => {
  const text = 'insert into counts (k, n) select a.id * 90 + b.id, a.id from users a, users b returning k'
  expect(await outcomeOf(pool as unknown as pg.Client, text, [])).toEqual(await outcomeOf(oracle, text, []))
  expect(await contents(pool as unknown as pg.Client)).toEqual(await contents(oracle))
  await expect(
    pool.query(
      'insert into counts (k, n) select a.id * 90 + b.id, a.id from users a, users b on conflict (k) do update set n = 0',
    ),
  ).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
})

test('it is part of the transaction that is open, and sees what that has written where one group has it all', async () => {
  const client = await pool.connect()
  await client.query('begin')
  await client.query(`insert into notes values ('new', 77)`)
  expect((await client.query('insert into counts (k, n) select n, n from notes')).rowCount).toBe(4)
  await expect(client.query('insert into counts (k) select id + 500 from users')).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
  })
  await client.query('rollback')
  client.release()
  expect((await pool.query('select from counts')).rowCount).toBe(0)
})

test.each([
  ['what is another a moment later', 'insert into counts (k, note) select id, now()::text from users'],
  ['chance', 'insert into counts (k, n) select id, random() from users'],
  ['a key of another type', 'insert into counts (k) select score from users'],
])('%s is refused', async (_, text) => {
  await expect(pool.query(text)).rejects.toMatchObject({ code: 'SHARDS_NOT_PROVEN' })
  expect((await pool.query('select from counts')).rowCount).toBe(0)
})

test.each<[string, unknown[]]>([
  [
    `merge into users u using (values ($1::int8, 'merged')) as s (id, name) on u.id = s.id and u.id = $1
       when matched then update set name = s.name when not matched then insert (id, name) values ($1, s.name)`,
    [5],
  ],
  [
    `merge into users u using (values ('merged')) as s (name) on u.id = $1
       when matched then update set name = s.name when not matched then insert (id, name) values ($1, s.name)`,
    [905],
  ],
  [
    `merge into users u using counts c on u.id = c.k and u.id = $1 when matched then update set score = c.n`,
    [7],
  ],
  [`merge into users u using rates r on u.id = $1 and r.code = 'EUR' when matched then delete`, [8]],
  [
    `merge into counts c using users u on c.k = u.id and u.id < $1
       when matched and u.id = 7 then delete when matched then update set n = n + 1, note = u.name
       when not matched and u.id % 3 = 0 then insert (note, k) values (u.name || '!', u.id)
       when not matched then do nothing`,
    [50],
  ],
  [`merge into counts c using users u on c.k = u.id when not matched by source then delete`, []],
  [
    `merge into users u using rates r on u.name = lower(r.code) or u.name = 'u' || (r.rate * 3)::int
       when matched then update set score = 3 when not matched then do nothing`,
    [],
  ],
  [`merge into counts c using users u on c.k = u.id when matched then update set n = 1 / (u.id - 8)`, []],
])('%s', async (text, values) => {
  await both('insert into counts values (7, 70), (8, 80), (9, 90), (1000, 1), (1001, 2)')
  expect(await outcomeOf(pool as unknown as pg.Client, text, values)).toEqual(
    await outcomeOf(oracle, text, values),
  )
  expect(await contents(pool as unknown as pg.Client)).toEqual(await contents(oracle))
})
