import type { Herd } from '@pgherd/cluster'
import { type Generated, Kysely, type Migration, Migrator, PostgresDialect, sql } from 'kysely'
import Cursor from 'pg-cursor'
import { beforeAll, expect, test } from 'vitest'
import type { Pool, PoolOptions } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, unhurried, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

interface Shop {
  goods: { id: Generated<number>; name: string; stock: Generated<number> }
  orders: { id: Generated<number>; goods_id: number; amount: number }
}

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const db = kyselyOn(shopPool())
  const { error, results } = await new Migrator({ db, provider: { getMigrations } }).migrateToLatest()
  expect([error, results?.map(({ status }) => status)]).toEqual([undefined, ['Success', 'Success']])
}, 2 * PATIENCE_MS)

function shopPool(options: PoolOptions = {}): Pool {
  return scratchPool({ nodes, lazyClients: true, ...options })
}

function kyselyOn(pool: Pool): Kysely<Shop> {
  return new Kysely<Shop>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
}

async function getMigrations(): Promise<Record<string, Migration>> {
  return {
    '1-goods': {
      up: (db) =>
        db.schema
          .createTable('goods')
          .addColumn('id', 'serial', (column) => column.primaryKey())
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('stock', 'integer', (column) => column.notNull().defaultTo(0))
          .execute(),
      down: (db) => db.schema.dropTable('goods').execute(),
    },
    '2-orders': {
      up: (db) =>
        db.schema
          .createTable('orders')
          .addColumn('id', 'serial', (column) => column.primaryKey())
          .addColumn('goods_id', 'integer', (column) => column.notNull().references('goods.id'))
          .addColumn('amount', 'integer', (column) => column.notNull())
          .execute(),
      down: (db) => db.schema.dropTable('orders').execute(),
    },
  }
}

test('takes migrations back and makes them again; two at once make them once', async () => {
  const migrators = [1, 2].map(() => new Migrator({ db: kyselyOn(shopPool()), provider: { getMigrations } }))
  expect((await migrators[0]?.migrateDown())?.results).toMatchObject([
    { direction: 'Down', status: 'Success' },
  ])
  const both = await Promise.all(migrators.map((migrator) => migrator.migrateToLatest()))
  expect(both.map(({ error }) => error)).toEqual([undefined, undefined])
  expect(both.flatMap(({ results }) => results)).toMatchObject([
    { migrationName: '2-orders', status: 'Success' },
  ])
})

test('writes with returning, reads with joins, and sees what it wrote', async () => {
  const db = kyselyOn(shopPool())
  const { id } = await db
    .insertInto('goods')
    .values({ name: 'lamp', stock: 3 })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('orders')
    .values([1, 2].map((amount) => ({ goods_id: id, amount })))
    .execute()
  const ordered = await db
    .selectFrom('orders')
    .innerJoin('goods', 'goods.id', 'orders.goods_id')
    .select((eb) => ['goods.name', eb.fn.sum<string>('orders.amount').as('amount')])
    .where('goods.id', '=', id)
    .groupBy('goods.name')
    .execute()
  expect(ordered).toEqual([{ name: 'lamp', amount: '3' }])
  const updated = await db
    .updateTable('goods')
    .set({ stock: 2 })
    .where('id', '=', id)
    .returningAll()
    .execute()
  expect(updated).toEqual([{ id, name: 'lamp', stock: 2 }])
  const { numDeletedRows } = await db.deleteFrom('orders').where('goods_id', '=', id).executeTakeFirst()
  expect(numDeletedRows).toBe(2n)
})

test('commits and rolls back, at the isolation level it asks for, and with savepoints', async () => {
  const db = kyselyOn(shopPool())
  const levels = ['read committed', 'repeatable read', 'serializable'] as const
  for (const level of levels) {
    const { id, isolation } = await db
      .transaction()
      .setIsolationLevel(level)
      .execute(async (trx) => {
        const { rows } = await sql<{
          isolation: string
        }>`select current_setting('transaction_isolation') as isolation`.execute(trx)
        const { id } = await trx
          .insertInto('goods')
          .values({ name: level })
          .returning('id')
          .executeTakeFirstOrThrow()
        return { id, isolation: rows[0]?.isolation }
      })
    expect(isolation).toBe(level)
    expect(await db.selectFrom('goods').select('name').where('id', '=', id).execute()).toEqual([
      { name: level },
    ])
  }
  const broken = db.transaction().execute(async (trx) => {
    await trx.insertInto('goods').values({ name: 'never' }).execute()
    throw new Error('changed my mind')
  })
  await expect(broken).rejects.toThrow('changed my mind')
  const trx = await db.startTransaction().execute()
  const saved = await trx.savepoint('before').execute()
  await saved.insertInto('goods').values({ name: 'never' }).execute()
  await saved.rollbackToSavepoint('before').execute()
  await trx.commit().execute()
  expect(await db.selectFrom('goods').where('name', '=', 'never').selectAll().execute()).toEqual([])
})

test('streams', async () => {
  const db = kyselyOn(shopPool({ max: 1 }))
  const rows = sql<{ n: number }>`(select n from generate_series(1, 1000) n)`
  const stream = db.selectFrom(rows.as('series')).select('series.n').stream(100)
  let sum = 0
  for await (const { n } of stream) sum += n
  expect(sum).toBe(500_500)
  // A stream that is left early gives its only connection back.
  for await (const { n } of db.selectFrom(rows.as('series')).select('series.n').stream(10)) if (n === 5) break
  expect(await db.selectFrom('goods').select('id').where('id', '=', -1).execute()).toEqual([])
})

test('reads from standbys, and sees what it wrote', async () => {
  const pool = shopPool(unhurried())
  const db = kyselyOn(pool)
  for (let stock = 1; stock <= 20; stock++) {
    const made = db.insertInto('goods').values({ name: 'chair', stock }).returning('id')
    const { id } = await made.executeTakeFirstOrThrow()
    expect(await db.selectFrom('goods').select('stock').where('id', '=', id).execute()).toEqual([{ stock }])
  }
  await until('a standby answers', async () => {
    await db.selectFrom('goods').select('stock').execute()
    return pool.statistics.statements.standby.lane > 0
  })
  expect(pool.statistics.statements.primary.own).toBe(20)
})

test('goes on after a failover, and has what was acknowledged', { timeout: 2 * PATIENCE_MS }, async () => {
  const pool = shopPool({ failoverWaitMs: PATIENCE_MS })
  const db = kyselyOn(pool)
  const acknowledged: number[] = []
  const refused: unknown[] = []
  const write = async (): Promise<void> => {
    try {
      const { id } = await db
        .insertInto('goods')
        .values({ name: 'survivor' })
        .returning('id')
        .executeTakeFirstOrThrow()
      acknowledged.push(id)
    } catch (error) {
      refused.push(error)
    }
  }
  for (let at = 0; at < 10; at++) await write()
  await killPrimary(herd)
  await until('it writes again', async () => {
    await write()
    return acknowledged.length >= 20
  })
  const kept = await db.selectFrom('goods').select('id').where('name', '=', 'survivor').execute()
  expect(kept.map(({ id }) => id)).toEqual(expect.arrayContaining(acknowledged))
  // At most the statement that was under way was told of it.
  expect(refused.length).toBeLessThanOrEqual(1)
  expect(pool.statistics.failovers).toBe(1)
})
