import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

let herd: Herd
let pool: Pool

const SHARDS = ['s1', 's2', 's3']

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 3, nodes: 1 }
sharding:
  groups: [s1, s2, s3]
  tables:
    users: { key: id }
    orders: { key: user_id }
    products: { kind: reference }
`)
  pool = createPool({ nodes: [dsnOf('home')] })
  await pool.query('create table users (id bigint primary key, name text, score int default 0)')
  await pool.query(
    'create table orders (id bigint, user_id bigint references users (id), product int, amount int)',
  )
  await pool.query('create table products (id int primary key, name text)')
  await pool.query('create table notes (id serial primary key, text text)')
}, 180_000)

afterAll(() => pool.end())

function dsnOf(group: string): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, 'application')
}

/** What each shard has, asked behind the pool's back. */
async function onEach(text: string): Promise<Record<string, unknown>[][]> {
  return Promise.all(SHARDS.map(async (shard) => (await (await connect(dsnOf(shard))).query(text)).rows))
}

test('rows are where the map says, each in one place', async () => {
  for (let id = 1; id <= 60; id++) await pool.query('insert into users values ($1, $2)', [id, `u${id}`])
  const rows = await onEach('select id::int from users order by id')
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
