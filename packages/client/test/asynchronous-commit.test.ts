import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import { connect, nodesOfHerd, scratchHerd, scratchPool } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  // Until its WAL is flushed no standby hears of a write, and here nobody flushes before long.
  herd = await scratchHerd('groups: [{ name: main, nodes: 2, durability: fast }]', 'wal_writer_delay: 10s')
  nodes = await nodesOfHerd(herd)
  const pool = scratchPool({ nodes })
  await pool.query('create table goods (id int primary key, stock int not null)')
  await pool.query('insert into goods values (1, 0)')
  await pool.query(`create function defer_flush() returns trigger language plpgsql as
    $$ begin perform set_config('synchronous_commit', 'off', true); return new; end $$`)
  await pool.query('create table audited (id int primary key, stock int not null)')
  await pool.query('insert into audited values (1, 0)')
  await pool.query(
    'create trigger audit before update on audited for each row execute function defer_flush()',
  )
}, 120_000)

async function seenAfter(
  pool: Pool,
  write: (stock: number) => Promise<unknown>,
  table = 'goods',
): Promise<boolean> {
  for (let stock = 1; stock <= 20; stock++) {
    await write(stock)
    const { rows } = await pool.query(`select stock from ${table} where id = 1`)
    if (rows[0].stock !== stock) return false
  }
  return true
}

const UPDATE = 'update goods set stock = $1 where id = 1'

test('I4: a read sees a write that was acknowledged before it was flushed: by policy', async () => {
  const pool = scratchPool({ nodes, policies: { quick: { synchronousCommit: 'off' } } })
  const { query, transaction } = pool.with('quick')
  expect(await seenAfter(pool, (stock) => query(UPDATE, [stock]))).toBe(true)
  expect(await seenAfter(pool, (stock) => transaction((tx) => tx.query(UPDATE, [stock])))).toBe(true)
})

test('I4: … by a setting of the transaction or of the session', async () => {
  const pool = scratchPool({ nodes })
  const local = (stock: number): Promise<unknown> =>
    pool.transaction(async (tx) => {
      await tx.query('set local synchronous_commit = off')
      await tx.query(UPDATE, [stock])
    })
  expect(await seenAfter(pool, local)).toBe(true)
  const client = await pool.connect()
  await client.query('set synchronous_commit = off')
  expect(await seenAfter(pool, (stock) => client.query(UPDATE, [stock]))).toBe(true)
  client.release()
  const several = (stock: number): Promise<unknown> =>
    pool.query(
      `begin; set local synchronous_commit = off; update goods set stock = ${stock} where id = 1; commit`,
    )
  expect(await seenAfter(pool, several)).toBe(true)
})

test('I4: … by a trigger', async () => {
  const pool = scratchPool({ nodes })
  const write = (stock: number): Promise<unknown> =>
    pool.query('update audited set stock = $1 where id = 1', [stock])
  expect(await seenAfter(pool, write, 'audited')).toBe(true)
})

test('I4: … by what is set for its role', async () => {
  const admin = await connect(herd.dsn((herd.primaryOf() as { name: string }).name, 'superuser'))
  await admin.query('alter role app set synchronous_commit = off')
  const pool = scratchPool({ nodes })
  expect(await seenAfter(pool, (stock) => pool.query(UPDATE, [stock]))).toBe(true)
  await admin.query('alter role app reset synchronous_commit')
})
