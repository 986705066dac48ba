import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Herd } from '@pgherd/cluster'
import { eq, relations, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { integer, numeric, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'
import { beforeAll, expect, test } from 'vitest'
import type { Pool } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, unhurried, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

const goods = pgTable('goods', {
  id: serial('id').primaryKey(),
  name: text('name').notNull(),
  price: numeric('price', { precision: 10, scale: 2 }).notNull().default('0'),
  tags: text('tags').array(),
  addedAt: timestamp('added_at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
})
const orders = pgTable('orders', {
  id: serial('id').primaryKey(),
  goodsId: integer('goods_id')
    .notNull()
    .references(() => goods.id),
  amount: integer('amount').notNull(),
})
const schema = {
  goods,
  orders,
  goodsRelations: relations(goods, ({ many }) => ({ orders: many(orders) })),
  ordersRelations: relations(orders, ({ one }) => ({
    goods: one(goods, { fields: [orders.goodsId], references: [goods.id] }),
  })),
}

/** What drizzle-kit writes. */
const MIGRATION = `
  create table goods (id serial primary key, name text not null, price numeric(10, 2) not null default 0,
    tags text[], added_at timestamptz not null default now());
--> statement-breakpoint
  create table orders (id serial primary key, goods_id int not null references goods, amount int not null);`

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const migrationsFolder = await mkdtemp(join(tmpdir(), 'pgherd-drizzle-'))
  const entries = [{ idx: 0, version: '7', when: 1, tag: '0000_shop', breakpoints: true }]
  await mkdir(join(migrationsFolder, 'meta'))
  await writeFile(join(migrationsFolder, 'meta/_journal.json'), JSON.stringify({ version: '7', entries }))
  await writeFile(join(migrationsFolder, '0000_shop.sql'), MIGRATION)
  try {
    const db = drizzleOn(scratchPool({ nodes }))
    for (let time = 1; time <= 2; time++) await migrate(db, { migrationsFolder })
  } finally {
    await rm(migrationsFolder, { recursive: true })
  }
}, 2 * PATIENCE_MS)

function drizzleOn(pool: Pool): NodePgDatabase<typeof schema> {
  return drizzle(pool, { schema })
}

test('reads from standbys, and sees what it wrote', async () => {
  const pool = scratchPool(unhurried({ nodes }))
  const db = drizzleOn(pool)
  for (let at = 1; at <= 20; at++) {
    const [made] = await db
      .insert(goods)
      .values({ name: 'chair', price: `${at}.50`, tags: ['oak', 'red'] })
      .returning()
    expect(made?.addedAt).toBeInstanceOf(Date)
    expect(
      await db
        .select()
        .from(goods)
        .where(eq(goods.id, made?.id as number)),
    ).toEqual([made])
  }
  await until('a standby answers', async () => {
    await db.select().from(goods)
    return pool.statistics.statements.standby.lane > 0
  })
  expect(pool.statistics.statements.primary.own).toBe(20)
})

test('updates, deletes, joins and reads along relations', async () => {
  const db = drizzleOn(scratchPool({ nodes }))
  const [lamp] = await db.insert(goods).values({ name: 'lamp' }).returning({ id: goods.id })
  const id = lamp?.id as number
  await db.insert(orders).values([1, 2, 3].map((amount) => ({ goodsId: id, amount })))
  expect((await db.delete(orders).where(eq(orders.amount, 3))).rowCount).toBe(1)
  await db.update(goods).set({ name: 'lantern' }).where(eq(goods.id, id))
  const joined = await db
    .select({ name: goods.name, amount: sql<number>`sum(${orders.amount})::int` })
    .from(orders)
    .innerJoin(goods, eq(goods.id, orders.goodsId))
    .where(eq(goods.id, id))
    .groupBy(goods.name)
  expect(joined).toEqual([{ name: 'lantern', amount: 3 }])
  const found = await db.query.goods.findFirst({
    where: eq(goods.id, id),
    with: { orders: { columns: { amount: true } } },
  })
  expect(found?.orders).toEqual([{ amount: 1 }, { amount: 2 }])
  const on = db.insert(goods).values({ id, name: 'other' })
  expect(
    (await on.onConflictDoUpdate({ target: goods.id, set: { name: 'upserted' } }).returning())[0]?.name,
  ).toBe('upserted')
})

test('prepares statements, on standbys too', async () => {
  const pool = scratchPool(unhurried({ nodes }))
  const db = drizzleOn(pool)
  const [made] = await db.insert(goods).values({ name: 'prepared' }).returning()
  const byId = db
    .select()
    .from(goods)
    .where(eq(goods.id, sql.placeholder('id')))
    .prepare('goods_by_id')
  // Right after the write the primary answers, until a standby is known to have it.
  await until('a standby answers', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => byId.execute({ id: made?.id })))
    expect(found).toEqual(Array.from({ length: 20 }, () => [made]))
    return pool.statistics.statements.standby.lane > 0
  })
})

test('commits, rolls back, nests by savepoints, and sets isolation', async () => {
  const db = drizzleOn(scratchPool({ nodes }))
  const named = (name: string): Promise<unknown[]> => db.select().from(goods).where(eq(goods.name, name))
  const isolation = await db.transaction(
    async (tx) => {
      await tx.insert(goods).values({ name: 'outer' })
      const inner = tx.transaction(async (nested) => {
        await nested.insert(goods).values({ name: 'inner' })
        nested.rollback()
      })
      await expect(inner).rejects.toThrow('Rollback')
      const { rows } = await tx.execute(sql`show transaction_isolation`)
      return rows[0]?.transaction_isolation
    },
    { isolationLevel: 'serializable' },
  )
  expect([isolation, (await named('outer')).length, (await named('inner')).length]).toEqual([
    'serializable',
    1,
    0,
  ])
  const failed = db.transaction(async (tx) => {
    await tx.insert(goods).values({ name: 'failed' })
    await tx.execute(sql`select 1 / 0`)
  })
  await expect(failed).rejects.toMatchObject({ cause: { code: '22012' } })
  expect(await named('failed')).toEqual([])
})

test('goes on after a failover, and has what was acknowledged', { timeout: 2 * PATIENCE_MS }, async () => {
  const pool = scratchPool({ nodes, failoverWaitMs: PATIENCE_MS })
  const db = drizzleOn(pool)
  const acknowledged: number[] = []
  const refused: unknown[] = []
  const write = async (): Promise<void> => {
    try {
      const [made] = await db.insert(goods).values({ name: 'survivor' }).returning({ id: goods.id })
      acknowledged.push(made?.id as number)
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
  const kept = await db.select({ id: goods.id }).from(goods).where(eq(goods.name, 'survivor'))
  expect(kept.map(({ id }) => id)).toEqual(expect.arrayContaining(acknowledged))
  expect(refused.length).toBeLessThanOrEqual(1)
  expect(pool.statistics.failovers).toBe(1)
})
