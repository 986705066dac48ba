import { locateKey, type ShardMap } from '@pgherd/core/sharding'
import type pg from 'pg'
import { expect } from 'vitest'
import { Random } from '../../../../test/random.js'
import { scratchHerd } from '../../../../test/scratch-herd.js'
import { type Herd, syncFederation } from '../../src/index.js'
import { connectTo, GROUPS, groupsOf, insertRows, mapOf, syncOptions } from './federated-herd.js'
import { QueryMaker, type RandomQuery } from './random-queries.js'

export const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
/** Comparisons that go on at once; more would only wait for the processor. */
const AT_ONCE = 3

const SPREAD = `
  create table users (id bigint primary key, name text, region text, score int, born timestamptz);
  create table orders (id bigint, user_id bigint not null, product_id int, amount numeric, note text);
  create index on orders (user_id);
  create table badges (user_id bigint, badge text, rank int);
  create table products (id int primary key, title text, price numeric);`
const HOME = 'create table notes (id int primary key, user_id bigint, body text);'
const TABLES = {
  'public.users': { kind: 'sharded', key: ['id'] },
  'public.orders': { kind: 'sharded', key: ['user_id'] },
  'public.badges': { kind: 'sharded', key: ['user_id'] },
  'public.products': { kind: 'reference' },
} as const

const TEXTS = [
  'a',
  'A',
  'b',
  'Zoë',
  'é',
  'ä',
  'north',
  'South',
  '_x',
  '-b',
  ' y',
  'Ω',
  'u1',
  'n2',
  '10',
  '9',
  'gold',
  '',
  'ß',
]

/**
 * A herd whose shards have the rows of a database that is on home too, as `oracle`: NULLs in every column,
 * rows without partners, a few keys with most of the rows, and a table of which one shard has nothing.
 */
export async function oracleHerd(settings = ''): Promise<Herd> {
  const herd = await scratchHerd(GROUPS, settings)
  const map: ShardMap = mapOf()
  const chance = new Random(SEED)
  const { home, shards } = await groupsOf(herd)
  const { database } = herd.spec
  const admin = await connectTo(herd, home, 'postgres')
  await admin.query('create database oracle template template0')
  const oracle = await connectTo(herd, home, 'oracle')
  const atHome = await connectTo(herd, home, database)
  const clients = new Map<string, pg.Client>()
  for (const shard of shards) clients.set(shard.name, await connectTo(herd, shard, database))
  for (const client of clients.values()) await client.query(SPREAD)
  await atHome.query(HOME)
  await oracle.query(SPREAD + HOME)

  const some = <T>(value: () => T, nulls = 0.1): T | null => (chance.chance(nulls) ? null : value())
  const text = () => chance.pick(TEXTS)
  const users = Array.from({ length: 700 }, (_, index) => [
    index + 1,
    some(() => `${text()}${chance.between(1, 40)}`),
    some(() => chance.pick(['north', 'South', 'east', 'é', 'Ω'])),
    some(() => chance.between(0, 60)),
    some(() =>
      new Date(
        Date.UTC(
          2010 + chance.between(0, 14),
          chance.between(0, 11),
          chance.between(1, 28),
          chance.between(0, 23),
        ),
      ).toISOString(),
    ),
  ])
  // A tenth of the users has most of the orders, and some orders are of users that there are not.
  const orders = Array.from({ length: 2200 }, (_, index) => [
    index + 1,
    chance.chance(0.6) ? chance.between(1, 70) : chance.between(1, 760),
    some(() => chance.between(1, 35)),
    some(() => chance.between(-500, 90_000) / 100),
    some(text, 0.4),
  ])
  const ofShard = (id: number) => map.shards[locateKey(map, 'int8', id)]
  const badges = Array.from({ length: 300 }, () => [
    chance.between(1, 500),
    text(),
    some(() => chance.between(1, 5)),
  ]).filter(([id]) => ofShard(id as number) !== 's2')
  const products = Array.from({ length: 30 }, (_, index) => [
    index + 1,
    text(),
    some(() => chance.between(1, 900) / 10),
  ])
  const notes = Array.from({ length: 120 }, (_, index) => [
    index + 1,
    some(() => chance.between(1, 300)),
    some(text),
  ])
  const all = new Map([['oracle', oracle]])
  const byKey = (column: number) => ({ map, type: 'int8', column }) as const
  for (const [table, rows, place] of [
    ['users', users, byKey(0)],
    ['orders', orders, byKey(1)],
    ['badges', badges, byKey(0)],
    ['products', products, 'everywhere'],
  ] as const) {
    await insertRows(clients, table, rows, place)
    await insertRows(all, table, rows, 'everywhere')
  }
  for (const client of [oracle, atHome])
    await insertRows(new Map([['x', client]]), 'notes', notes, 'everywhere')
  for (const client of [oracle, atHome, ...clients.values()])
    await client.query('analyze; grant select on all tables in schema public to app')
  await syncFederation(await syncOptions(herd, TABLES, map))
  return herd
}

/** Fails at the first query that the federation answers otherwise than one database does. */
export async function compareAnswers(herd: Herd, queries: number): Promise<void> {
  const maker = new QueryMaker(new Random(SEED))
  const waiting = Array.from({ length: queries }, (_, index) => ({ ...maker.next(), index })).values()
  const seen = { rows: 0, filled: 0 }
  const compare = async () => {
    const federation = await session(herd, `${herd.spec.database}_herd`, 'app')
    const oracle = await session(herd, 'oracle', 'postgres')
    for (const query of waiting) {
      const rows = await compareOne(query, federation, oracle)
      seen.rows += rows
      seen.filled += Math.sign(rows)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, compare))
  expect(seen.filled).toBeGreaterThan(queries / 2)
  expect(seen.rows).toBeGreaterThan(queries)
}

async function session(herd: Herd, database: string, user: string): Promise<pg.Client> {
  const { home } = await groupsOf(herd)
  const client = await connectTo(herd, home, database, user)
  // Not that of the shards' sessions, which postgres_fdw sets to UTC.
  await client.query(`set timezone to 'America/New_York'; set statement_timeout to '20s'`)
  return client
}

async function compareOne(
  { text, ordered, index }: RandomQuery & { index: number },
  federation: pg.Client,
  oracle: pg.Client,
): Promise<number> {
  const [found, wanted] = await Promise.all([
    answer(federation, text, ordered),
    answer(oracle, text, ordered),
  ])
  if (found.join('\n') !== wanted.join('\n'))
    expect.fail(`Query ${index} of seed ${SEED}: ${text}\n${differences(found, wanted)}`)
  return wanted.length
}

async function answer(client: pg.Client, text: string, ordered: boolean): Promise<string[]> {
  const { rows } = await client.query({ text, rowMode: 'array' })
  const lines = rows.map((row) => JSON.stringify(row))
  return ordered ? lines : lines.sort()
}

function differences(found: string[], wanted: string[]): string {
  const show = (name: string, lines: string[], other: string[]) =>
    `${name} (${lines.length}): ${lines
      .filter((line) => !other.includes(line))
      .slice(0, 5)
      .join(' ')}`
  return `${show('federation', found, wanted)}\n${show('oracle', wanted, found)}`
}
