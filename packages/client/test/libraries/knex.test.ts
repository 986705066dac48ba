import type { Herd } from '@pgherd/cluster'
import knex, { type Knex } from 'knex'
import { beforeAll, expect, test } from 'vitest'
import type { Pool, PoolOptions } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, unhurried, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

interface Goods {
  id: number
  name: string
  stock: number
}

const migrations: Knex.Migration[] = [
  {
    up: (db) =>
      db.schema.createTable('goods', (table) => {
        table.increments('id')
        table.text('name').notNullable()
        table.integer('stock').notNullable().defaultTo(0)
      }),
    down: (db) => db.schema.dropTable('goods'),
  },
  {
    up: (db) =>
      db.schema.createTable('orders', (table) => {
        table.increments('id')
        table.integer('goods_id').notNullable().references('goods.id')
        table.integer('amount').notNullable()
      }),
    down: (db) => db.schema.dropTable('orders'),
  },
]
const migrationSource: Knex.MigrationSource<number> = {
  getMigrations: async () => [0, 1],
  getMigrationName: (at) => `migration-${at}`,
  getMigration: async (at) => migrations[at] as Knex.Migration,
}

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await knexOn(shopPool()).migrate.latest({ migrationSource })
}, 2 * PATIENCE_MS)

function shopPool(options: PoolOptions = {}): Pool {
  return scratchPool({ nodes, lazyClients: true, ...options })
}

function knexOn(pool: Pool): Knex {
  return knex({ client: 'pg', connectionPool: pool })
}

async function addGoods(db: Knex, name: string, stock = 0): Promise<number> {
  const [made] = await db<Goods>('goods').insert({ name, stock }).returning('id')
  return (made as { id: number }).id
}

test('takes migrations back and makes them again', async () => {
  const db = knexOn(shopPool())
  await db.migrate.down({ migrationSource })
  expect(await db.schema.hasTable('orders')).toBe(false)
  const [batch, names] = await db.migrate.latest({ migrationSource })
  expect([typeof batch, names]).toEqual(['number', ['migration-1']])
  expect(await db.schema.hasTable('orders')).toBe(true)
})

test('writes with returning, reads with joins, and sees what it wrote', async () => {
  const db = knexOn(shopPool())
  const id = await addGoods(db, 'lamp', 3)
  await db.batchInsert(
    'orders',
    [1, 2, 3].map((amount) => ({ goods_id: id, amount })),
    2,
  )
  const joined = await db('orders')
    .join('goods', 'goods.id', 'orders.goods_id')
    .where('goods.id', id)
    .groupBy('goods.name')
    .select('goods.name')
    .sum('orders.amount as amount')
  expect(joined).toEqual([{ name: 'lamp', amount: '6' }])
  expect(await db('orders').where({ goods_id: id }).pluck('amount').orderBy('amount')).toEqual([1, 2, 3])
  expect(
    await db('goods')
      .where({ id })
      .update({ stock: db.raw('stock - ?', [1]) }, ['stock']),
  ).toEqual([{ stock: 2 }])
  expect(await db('orders').where({ goods_id: id }).del()).toBe(3)
  expect(await db('orders').where({ goods_id: id }).first()).toBeUndefined()
})

test('commits, rolls back and nests by savepoints', async () => {
  const db = knexOn(shopPool())
  const named = (name: string): Promise<Goods[]> => db<Goods>('goods').where({ name }).select()
  const isolation = await db.transaction(
    async (trx) => {
      await addGoods(trx, 'outer')
      const inner = trx.transaction(async (nested) => {
        await addGoods(nested, 'inner')
        throw new Error('changed my mind')
      })
      await expect(inner).rejects.toThrow('changed my mind')
      return (await trx.raw('show transaction_isolation')).rows[0].transaction_isolation
    },
    { isolationLevel: 'serializable' },
  )
  expect([isolation, (await named('outer')).length, (await named('inner')).length]).toEqual([
    'serializable',
    1,
    0,
  ])
  const failed = db.transaction(async (trx) => {
    await addGoods(trx, 'failed')
    await trx.raw('select 1 / 0')
  })
  await expect(failed).rejects.toMatchObject({ code: '22012' })
  expect(await named('failed')).toEqual([])
})

test('streams, and gives up what takes too long', async () => {
  const pool = shopPool({ max: 2 })
  const db = knexOn(pool)
  // Outside a transaction Knex 3.3 gives a stream's connection back twice, to whatever pool it was given.
  const sum = await db.transaction(async (trx) => {
    let sum = 0
    for await (const { n } of trx.select('n').from(trx.raw('generate_series(1, 1000) n')).stream()) sum += n
    return sum
  })
  expect(sum).toBe(500_500)
  await expect(db.raw('select pg_sleep(60)').timeout(100)).rejects.toThrow('timeout')
  expect(await db('goods').where({ id: -1 }).select()).toEqual([])
  await until('all are idle', () => pool.idleCount === pool.totalCount)
})

test('does not end the pool it was given', async () => {
  const pool = shopPool()
  const db = knexOn(pool)
  await addGoods(db, 'kept')
  await db.destroy()
  expect(
    (await pool.query('select count(*)::int as count from goods where name = $1', ['kept'])).rows,
  ).toEqual([{ count: 1 }])
})

test('reads from standbys, and sees what it wrote', async () => {
  const pool = shopPool(unhurried())
  const db = knexOn(pool)
  for (let stock = 1; stock <= 20; stock++) {
    const id = await addGoods(db, 'chair', stock)
    expect(await db<Goods>('goods').where({ id }).pluck('stock')).toEqual([stock])
  }
  await until('a standby answers', async () => {
    await db<Goods>('goods').pluck('stock')
    return pool.statistics.statements.standby.lane > 0
  })
  expect(pool.statistics.statements.primary.own).toBe(20)
})

test('goes on after a failover, and has what was acknowledged', { timeout: 2 * PATIENCE_MS }, async () => {
  const pool = shopPool({ failoverWaitMs: PATIENCE_MS })
  const db = knexOn(pool)
  const acknowledged: number[] = []
  const refused: unknown[] = []
  const write = (): Promise<unknown> =>
    addGoods(db, 'survivor').then(
      (id) => acknowledged.push(id),
      (error) => refused.push(error),
    )
  for (let at = 0; at < 10; at++) await write()
  await killPrimary(herd)
  await until('it writes again', async () => {
    await write()
    return acknowledged.length >= 20
  })
  const kept = await db<Goods>('goods').where({ name: 'survivor' }).pluck('id')
  expect(kept).toEqual(expect.arrayContaining(acknowledged))
  expect(refused.length).toBeLessThanOrEqual(1)
  expect(pool.statistics.failovers).toBe(1)
})
