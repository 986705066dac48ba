import type { Herd } from '@pgherd/cluster'
import { locateKey } from '@pgherd/core/sharding'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { connect } from '../../../../test/scratch-herd.js'
import type { Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

/* Rows whose shard key changes, beside the same changes in one database. With PGHERD_SEED others. */

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
const CHANGES = Number(process.env.PGHERD_CHANGES ?? 250)
const SHARDS = ['s1', 's2', 's3']
const CREATE = `
  create table things (
    id int8 primary key, n int not null default 1, t varchar(5), f float8, at timestamptz, doc jsonb, tags text[],
    twice int generated always as (n * 2) stored, serial int generated always as identity
  )`

let fixture: ShardedPool
let pool: Pool
let oracle: pg.Client

beforeAll(async () => {
  fixture = await ShardedPool.open({
    placement: `
  tables:
    things: { key: id }
    users: { key: id }
    orders: { key: user_id }
    pairs: { key: [a, b] }
    rates: { kind: reference }`,
  })
  pool = fixture.pool
  oracle = await fixture.openOracle()
  await oracle.query(CREATE)
  // A sequence on each shard is refused: what is drawn must be given.
  await pool.query(CREATE.replace(/, serial int generated always as identity/, ', serial int'))
  await pool.query('create table rates (code text primary key)')
  await pool.query('create table users (id int primary key, rate text references rates (code))')
  await pool.query('create table orders (user_id int references users (id), n int)')
  await pool.query('create table pairs (a text, b uuid, n int)')
}, 180_000)

afterAll(() => fixture.close())

const ROWS = 'select id::text, n, t, f, at, doc, tags, twice, serial from things'

async function outcomeOf(where: Pick<pg.Client, 'query'>, text: string, values: unknown[]): Promise<unknown> {
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

test('I5, I8: an UPDATE of the key does what it does in one database, and leaves each row where it belongs', {
  timeout: 300_000,
}, async () => {
  const chance = new Random(SEED)
  const insert = `insert into things (id, n, t, f, at, doc, tags, serial) overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8)`
  const seen = { moved: 0, failed: 0 }
  for (let id = 0; id < 60; id++) {
    const values = [
      ...[
        id * 1000,
        chance.between(1, 5),
        chance.pick(['x', `a'"\\`, '', null]),
        chance.next() * 10 ** chance.between(-20, 20),
      ],
      ...[
        new Date(1e12 + id * 1e6),
        JSON.stringify({ id, text: 'é"' }),
        chance.pick([null, [], ['a,b', '{', 'NULL']]),
        id,
      ],
    ]
    for (const where of [pool, oracle]) await where.query(insert, values)
  }
  for (let change = 0; change < CHANGES; change++) {
    const from = chance.between(0, 60) * 1000
    const to = chance.chance(0.1)
      ? null
      : chance.chance(0.2)
        ? chance.between(0, 60) * 1000
        : chance.between(0, 99_999)
    const returning = chance.pick([
      '',
      ' returning *',
      ' returning id, n + 1 as more, t',
      ' returning things.id;',
    ])
    const [text, values] = chance.pick([
      [`update things set id = $1 where id = $2${returning}`, [to, from]],
      [
        `update things set id = $1, n = n + 1, t = $3 where id = $2${returning}`,
        [to, from, chance.pick(['y', 'too long'])],
      ],
      [
        `update things as things set id = id + 1 where n = $1 and id < 30000${returning}`,
        [chance.between(1, 4)],
      ],
      [`update things set (id, n) = (id + 1, n % 5 + 1) where id in ($1, $2)${returning}`, [from, to]],
      [`update things set id = -id where f > $1 and id > ${from}${returning}`, [chance.next()]],
      [`update things set id = id / 0 where n = $1${returning}`, [2]],
      [`update things set id = default where id = $1${returning}`, [from]],
    ] as [string, unknown[]][])
    const wanted = await outcomeOf(oracle, text, values)
    const found = await outcomeOf(pool as unknown as pg.Client, text, values)
    expect(found, `change ${change} of seed ${SEED}: ${text} ${values}`).toEqual(wanted)
    if ('code' in (wanted as object)) seen.failed++
    else seen.moved += (wanted as { rowCount: number }).rowCount
  }
  console.log(`${CHANGES} changes: ${JSON.stringify(seen)}`)
  expect(seen.moved).toBeGreaterThan(CHANGES / 2)
  expect(seen.failed).toBeGreaterThan(CHANGES / 50)
  const parts = await fixture.onEach(ROWS)
  const { map } = fixture.herd.placement() as NonNullable<ReturnType<Herd['placement']>>
  for (const [shard, rows] of parts.entries())
    for (const { id } of rows) expect(map.shards[locateKey(map, 'int8', id as string)]).toBe(SHARDS[shard])
  const all = (rows: unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(all(parts.flat())).toEqual(all((await oracle.query(ROWS)).rows))
  expect((await fixture.onEach('select from pg_prepared_xacts')).flat()).toEqual([])
})

test('rows move inside a transaction, and back with it', async () => {
  await pool.query(`insert into pairs values ('x', '00000000-0000-4000-8000-000000000001', 1)`)
  const sum = async (): Promise<unknown> => (await pool.query('select a, n from pairs order by a')).rows
  for (const ends of ['rollback', 'commit']) {
    const client = await pool.connect()
    await client.query('begin')
    for (const a of ['y', 'z', 'w', 'v']) await client.query('update pairs set a = $1, n = n + 1', [a])
    await client.query('savepoint here')
    await client.query(`update pairs set a = 'u'`)
    await client.query('rollback to here')
    await client.query(ends)
    client.release()
    expect(await sum()).toEqual(ends === 'commit' ? [{ a: 'v', n: 5 }] : [{ a: 'x', n: 1 }])
  }
  expect((await fixture.onEach('select from pairs')).flat().length).toBe(1)
  const found = await pool.query(
    `select n from pairs where a = 'v' and b = '00000000-0000-4000-8000-000000000001'`,
  )
  expect(found.rows).toEqual([{ n: 5 }])
})

test('what refers to other rows moves only where nothing else has to move with it', async () => {
  await pool.query(`insert into rates values ('EUR')`)
  await pool.query(`insert into users values (1, 'EUR'), (2, 'EUR'), (3, 'EUR'), (4, 'EUR')`)
  await pool.query('insert into orders values (1, 1)')
  // To a copy on every shard, and nothing refers to it.
  expect((await pool.query('update users set id = id + 100 where id > 1 returning id')).rowCount).toBe(3)
  await expect(pool.query('update users set id = 7 where id = 1')).rejects.toMatchObject({ code: '23503' })
  await expect(pool.query('update orders set user_id = 102 where user_id = 1')).rejects.toMatchObject({
    code: 'SHARDS_NOT_PROVEN',
  })
  expect((await pool.query('select id from users order by id')).rows.map(({ id }) => id)).toEqual([
    1, 102, 103, 104,
  ])
})

test('what cannot be proven is refused, and nothing is changed', async () => {
  await pool.query(`insert into things (id) values (500001)`)
  const move = 'update things set id = 500002 where id = 500001'
  for (const shard of SHARDS) {
    const client = await connect(fixture.dsnOf(shard))
    await client.query(`create function touch() returns trigger language plpgsql as 'begin return new; end'`)
    await client.query('create trigger touches before insert on things for each row execute function touch()')
  }
  await expect(pool.query(move)).rejects.toMatchObject({
    code: 'SHARDS_NOT_PROVEN',
    message: expect.stringContaining('triggers'),
  })
  for (const shard of SHARDS)
    await (await connect(fixture.dsnOf(shard))).query('drop trigger touches on things')
  // A column that was added behind the pool's back would not come along.
  for (const shard of SHARDS)
    await (await connect(fixture.dsnOf(shard))).query('alter table things add column late int default 5')
  await expect(pool.query(move)).rejects.toMatchObject({ code: '40001' })
  await expect(
    pool.query('insert into things (id) values (500001) on conflict (id) do update set id = 500002'),
  ).rejects.toMatchObject({ code: 'SHARDS_NOT_PROVEN' })
  await expect(
    pool.query(
      'with moved as (update things set id = 500002 where id = 500001 returning *) select * from moved',
    ),
  ).rejects.toMatchObject({ code: 'SHARDS_NOT_PROVEN' })
  expect((await pool.query('select from things where id = 500001')).rowCount).toBe(1)
})
