import type { Herd } from '@pgherd/cluster'
import { DataSource, EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

interface Goods {
  id: number
  name: string
  tags: string[] | null
  addedAt: Date
  orders?: Order[]
}
interface Order {
  id: number
  amount: number
  goods: Goods
}

const GoodsEntity = new EntitySchema<Goods>({
  name: 'goods',
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: 'text' },
    tags: { type: 'text', array: true, nullable: true },
    addedAt: { name: 'added_at', type: 'timestamptz', createDate: true },
  },
  relations: { orders: { type: 'one-to-many', target: 'orders', inverseSide: 'goods', cascade: true } },
})
const OrderEntity = new EntitySchema<Order>({
  name: 'orders',
  columns: { id: { type: Number, primary: true, generated: true }, amount: { type: Number } },
  relations: {
    goods: { type: 'many-to-one', target: 'goods', joinColumn: { name: 'goods_id' }, inverseSide: 'orders' },
  },
})

class Shop1700000000000 implements MigrationInterface {
  name = 'Shop1700000000000'
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table goods (id serial primary key, name text not null, tags text[],
      added_at timestamptz not null default now())`)
    await runner.query(`create table orders (id serial primary key, amount int not null,
      goods_id int constraint "FK_6b13ceb449e3045e20b50ac1e8c" references goods (id))`)
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table orders')
    await runner.query('drop table goods')
  }
}

let herd: Herd
let nodes: string[]
const sources: DataSource[] = []

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const source = await openSource()
  expect((await source.runMigrations()).map(({ name }) => name)).toEqual(['Shop1700000000000'])
  await source.undoLastMigration()
  await source.runMigrations()
  // The migration and the entities say the same.
  expect((await source.driver.createSchemaBuilder().log()).upQueries).toEqual([])
  await source.destroy()
}, 2 * PATIENCE_MS)

afterEach(async () => {
  for (const source of sources.splice(0)) await source.destroy()
})

async function openSource(extra: object = {}): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    driver: { Pool },
    extra: { nodes, lazyClients: true, ...extra },
    entities: [GoodsEntity, OrderEntity],
    migrations: [Shop1700000000000],
  })
  return source.initialize()
}

test('saves, finds, counts and removes entities with their relations', async () => {
  const source = await openSource()
  sources.push(source)
  const goods = source.getRepository(GoodsEntity)
  const lamp = await goods.save({
    name: 'lamp',
    tags: ['oak', 'red'],
    orders: [{ amount: 1 }, { amount: 2 }],
  })
  expect(lamp.addedAt).toBeInstanceOf(Date)
  const found = await goods.findOneOrFail({ where: { id: lamp.id }, relations: { orders: true } })
  expect(found).toMatchObject({ name: 'lamp', tags: ['oak', 'red'] })
  expect(found.orders?.map(({ amount }) => amount).sort()).toEqual([1, 2])
  await goods.update({ id: lamp.id }, { name: 'lantern' })
  expect(await goods.findAndCount({ where: { name: 'lantern' }, take: 1 })).toMatchObject([
    [{ id: lamp.id }],
    1,
  ])
  await source.getRepository(OrderEntity).delete({ goods: { id: lamp.id } })
  await goods.delete(lamp.id)
  expect(await goods.countBy({ name: 'lantern' })).toBe(0)
})

test('reads from standbys, and sees what it wrote', async () => {
  const source = await openSource()
  sources.push(source)
  const goods = source.getRepository(GoodsEntity)
  for (let n = 1; n <= 20; n++) {
    const { id } = await goods.save({ name: `chair ${n}` })
    expect(await goods.findOneBy({ id })).toMatchObject({ name: `chair ${n}` })
  }
  const { master } = source.driver as unknown as { master: Pool }
  await until('a standby answers', async () => {
    await goods.count()
    return master.statistics.statements.standby.lane > 0
  })
})

test('builds queries and streams', async () => {
  const source = await openSource()
  sources.push(source)
  const made = await source
    .createQueryBuilder()
    .insert()
    .into(GoodsEntity)
    .values([1, 2, 3].map((n) => ({ name: `bench ${n}` })))
    .returning('id')
    .execute()
  expect(made.raw).toHaveLength(3)
  const names = source
    .getRepository(GoodsEntity)
    .createQueryBuilder('g')
    .where('g.name like :name', { name: 'bench %' })
    .orderBy('g.id')
  expect((await names.getMany()).map(({ name }) => name)).toEqual(['bench 1', 'bench 2', 'bench 3'])
  const first = source.createQueryBuilder().update(GoodsEntity).set({ name: 'bench 0' })
  expect((await first.where('id = :id', { id: made.raw[0].id }).execute()).affected).toBe(1)
  const streamed: string[] = []
  const stream = await names.stream()
  for await (const row of stream) streamed.push((row as unknown as { g_name: string }).g_name)
  expect(streamed).toEqual(['bench 0', 'bench 2', 'bench 3'])
})

test('commits, rolls back, nests by savepoints, and sets isolation', async () => {
  const source = await openSource()
  sources.push(source)
  const goods = source.getRepository(GoodsEntity)
  const isolation = await source.transaction('SERIALIZABLE', async (manager) => {
    await manager.save(GoodsEntity, { name: 'outer' })
    const inner = manager.transaction(async (nested) => {
      await nested.save(GoodsEntity, { name: 'inner' })
      throw new Error('changed my mind')
    })
    await expect(inner).rejects.toThrow('changed my mind')
    return (await manager.query('show transaction_isolation'))[0].transaction_isolation
  })
  expect([isolation, await goods.countBy({ name: 'outer' }), await goods.countBy({ name: 'inner' })]).toEqual(
    ['serializable', 1, 0],
  )
  const failed = source.transaction(async (manager) => {
    await manager.save(GoodsEntity, { name: 'failed' })
    await manager.query('select 1 / 0')
  })
  await expect(failed).rejects.toMatchObject({ driverError: { code: '22012' } })
  expect(await goods.countBy({ name: 'failed' })).toBe(0)
})

test('refuses a herd that is not there', async () => {
  await expect(openSource({ nodes: ['postgres://nobody@127.0.0.1:1/none'] })).rejects.toMatchObject({
    code: 'NODES_UNREACHABLE',
  })
})

test('goes on after a failover, and has what was acknowledged', { timeout: 2 * PATIENCE_MS }, async () => {
  const source = await openSource({ failoverWaitMs: PATIENCE_MS })
  sources.push(source)
  const goods = source.getRepository(GoodsEntity)
  const acknowledged: number[] = []
  const refused: unknown[] = []
  const write = (): Promise<unknown> =>
    goods.save({ name: 'survivor' }).then(
      ({ id }) => acknowledged.push(id),
      (error) => refused.push(error),
    )
  for (let at = 0; at < 10; at++) await write()
  await killPrimary(herd)
  await until('it writes again', async () => {
    await write()
    return acknowledged.length >= 20
  })
  const kept = await goods.findBy({ name: 'survivor' })
  expect(kept.map(({ id }) => id)).toEqual(expect.arrayContaining(acknowledged))
  expect(refused.length).toBeLessThanOrEqual(1)
})
