import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

// Reads that each shard is asked by itself, and whose answers are put together by the client and one shard.

const ROUNDS = 400
let herd: Herd
let pool: Pool
let oracle: Pool

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 3, nodes: 1 }
sharding:
  groups: [s1, s2, s3]
  tables: { sales: { key: id }, kinds: { kind: reference }, named: { key: id } }
`)
  const home = herd.primaryOf('home')?.name as string
  const admin = await connect(herd.dsn(home, 'superuser'))
  await admin.query('create database oracle owner app template template0')
  const there = new URL(herd.dsn(home, 'application'))
  there.pathname = '/oracle'
  oracle = createPool({ nodes: [there.href] })
  pool = createPool({ nodes: [herd.dsn(home, 'application')] })
  const chance = new Random(7)
  const some = (value: string): string => (chance.chance(0.15) ? 'null' : value)
  const rows = Array.from({ length: 400 }, (_, id) => {
    const values = [
      some(`'${chance.pick(['a', 'B', 'é', 'Ω', 'b c', ''])}'`),
      some(String(chance.between(-5, 5))),
      some(`${chance.between(-999, 999)}.${chance.between(0, 99)}`),
      some(`'2026-0${chance.between(1, 9)}-11 10:00+00'`),
      some(chance.pick(['true', 'false'])),
    ]
    return `(${id}, ${values.join(', ')})`
  })
  for (const text of [
    'create table sales (id bigint primary key, region text, n int, amount numeric, born timestamptz, good bool)',
    'create table kinds (n int primary key, title text)',
    'create table named (id int, name text collate "C")',
    `insert into sales values ${rows.join(', ')}`,
    `insert into kinds values (1, 'one'), (2, 'two'), (-3, 'minus')`,
    `insert into named values (1, 'b'), (2, 'A'), (3, 'a'), (4, 'B')`,
  ]) {
    await pool.query(text)
    await oracle.query(text)
  }
}, 180_000)

afterAll(async () => {
  await Promise.all([pool.end(), oracle.end()])
})

const KEYS = ['region', 'n', 'good', 'born', 's.region']
const CALLS = [
  'count(*)',
  'count(n)',
  'sum(n)',
  'sum(amount)',
  'min(amount)',
  'max(born)',
  'min(region)',
  'bool_or(good)',
  'bool_and(n > 0)',
  'sum(n) filter (where amount > 0)',
  'max(id)',
  'sum(id)',
]
const FROMS = ['sales s', 'sales s join kinds k using (n)', 'sales s join sales o on o.id = s.id']

/** A read of all shards, in an order that says of each row where it stands. */
function randomRead(chance: Random): { text: string; values: unknown[] } {
  const from = chance.pick(FROMS.slice(0, 1).concat(chance.chance(0.3) ? FROMS : []))
  const plain = from === 'sales s'
  const prefixed = (text: string): string =>
    plain
      ? text
      : text
          .replace(/\b(region|amount|born|good|id)\b(?!\.)/g, 's.$1')
          .replace('s.s.', 's.')
          .replace(/(?<![.\w])n(?!\w)/g, from.includes('using') ? 'n' : 's.n')
  const keys = KEYS.filter(() => chance.chance(0.3)).filter(
    (key, _, all) => !(key === 's.region' && all.includes('region')),
  )
  const calls = CALLS.filter(() => chance.chance(0.25))
  const targets = [...keys, ...calls].map(prefixed)
  const values: unknown[] = []
  const where = chance.chance(0.5)
    ? ''
    : ` where ${prefixed(chance.pick(['n > 0', 'amount < 100.5', "region = 'a'", 'id between 10 and 300']))}`
  if (targets.length === 0)
    return { text: `select ${prefixed('id')}, ${prefixed('amount')} from ${from}${where}`, values }
  const group = keys.length === 0 ? '' : ` group by ${keys.map(prefixed).join(', ')}`
  const order = ` order by ${targets.map((_, at) => `${at + 1}${chance.pick(['', ' desc', ' nulls first', ' desc nulls last'])}`).join(', ')}`
  let limit = ''
  if (chance.chance(0.4)) {
    values.push(chance.between(0, 6))
    limit = ` limit $1${chance.chance(0.5) ? ' offset 1' : ''}`
  }
  return { text: `select ${targets.join(', ')} from ${from}${where}${group}${order}${limit}`, values }
}

test('I5: what shards answer by themselves is put together as one database would', {
  timeout: 120_000,
}, async () => {
  const chance = new Random(Number(process.env.PGHERD_SEED ?? 11))
  for (let round = 0; round < ROUNDS; round++) {
    const { text, values } = randomRead(chance)
    const [found, wanted] = await Promise.all([pool.query(text, values), oracle.query(text, values)])
    const isOrdered = text.includes('order by')
    const rowsOf = (rows: unknown[]): string[] => {
      const lines = rows.map((row) => JSON.stringify(row))
      return isOrdered ? lines : lines.sort()
    }
    expect(rowsOf(found.rows), `${text} ${JSON.stringify(values)}`).toEqual(rowsOf(wanted.rows))
    expect(found.rowCount).toBe(wanted.rowCount)
    expect(found.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual(
      wanted.fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
    )
  }
  // None of them needed the federation, which comes to shards under a name of its own.
  for (const shard of ['s1', 's2', 's3']) {
    const client = await connect(herd.dsn(herd.primaryOf(shard)?.name as string, 'superuser'))
    const { rowCount } = await client.query(
      `select from pg_stat_activity where application_name = 'pgherd federation'`,
    )
    expect(rowCount).toBe(0)
  }
})

test('text of another collation is sorted by it', async () => {
  const text = 'select name, count(*)::text as n from named group by name order by name'
  expect((await pool.query('select min(name), max(name) from named')).rows).toEqual([{ min: 'A', max: 'b' }])
  expect((await pool.query(text)).rows.map(({ name }) => name)).toEqual(['A', 'B', 'a', 'b'])
})

test('rows come as they were asked for', async () => {
  const array = await pool.query({ text: 'select count(*) from sales', rowMode: 'array' })
  expect(array.rows).toEqual([['400']])
  const parsed = await pool.query({
    text: 'select sum(n) as total from sales where n > $1',
    values: [4],
    types: { getTypeParser: () => (value: string) => `<${value}>` } as never,
  })
  expect(parsed.rows[0].total).toMatch(/^<\d+>$/)
  await expect(pool.query('select sum(n), 1 / (min(id) - 0) from sales where id = -1')).resolves.toBeDefined()
  await expect(pool.query('select id, 1 / (n - n) from sales')).rejects.toMatchObject({ code: '22012' })
})
