import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

// Reads that each shard is asked by itself, and whose answers are put together by the client and one shard.

/** With PGHERD_QUERIES as many as wanted. */
const ROUNDS = Number(process.env.PGHERD_QUERIES ?? 600)
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
  tables: { sales: { key: id }, kinds: { kind: reference }, named: { key: id }, wide: { key: id } }
`)
  const home = herd.primaryOf('home')?.name as string
  const admin = await connect(herd.dsn(home, 'superuser'))
  await admin.query('create database oracle owner app template template0')
  const there = new URL(herd.dsn(home, 'application'))
  there.pathname = '/oracle'
  oracle = createPool({ nodes: [there.href] })
  pool = createPool({ nodes: [herd.dsn(home, 'application')] })
  const chance = new Random(7)
  const orNull = (value: string): string => (chance.chance(0.15) ? 'null' : value)
  const rows = Array.from({ length: 400 }, (_, id) => {
    const values = [
      orNull(`'${chance.pick(['a', 'B', 'é', 'Ω', 'b c', ''])}'`),
      orNull(String(chance.between(-5, 5))),
      orNull(`${chance.between(-999, 999)}.${chance.between(0, 99)}`),
      orNull(`'2026-0${chance.between(1, 9)}-11 10:00+00'`),
      orNull(chance.pick(['true', 'false'])),
    ]
    return `(${id}, ${values.join(', ')})`
  })
  for (const text of [
    'create table sales (id bigint primary key, region text, n int, amount numeric, born timestamptz, good bool)',
    'create table kinds (n int primary key, title text)',
    'create table named (id int, name text collate "C")',
    'create table wide (id int, lot int, small int2, n int8, amount numeric, rate float8)',
    `insert into wide values ${wideRows(chance).join(', ')}`,
    `insert into sales values ${rows.join(', ')}`,
    `insert into kinds values (1, 'one'), (2, 'two'), (-3, 'minus')`,
    'create domain shout as text collate "C"',
    `insert into named values (1, 'b'), (2, 'A'), (3, 'a'), (4, 'B')`,
  ]) {
    await pool.query(text)
    await oracle.query(text)
  }
}, 180_000)

afterAll(async () => {
  await Promise.all([pool.end(), oracle.end()])
})

/** Lots of numbers, each of them as large as it happens to be, with as many digits. */
function wideRows(chance: Random): string[] {
  const rows: string[] = []
  for (let lot = 0; lot < 400; lot++) {
    const exponent = chance.between(-30, 30)
    const size = chance.between(0, 5)
    for (let row = 0; row <= size; row++) {
      const digits = chance.between(0, 999_999)
      const amount = chance.chance(0.02)
        ? chance.pick([`'NaN'`, `'-Infinity'`, 'null'])
        : `${digits}e${exponent}`
      const scale = chance.chance(0.3) ? `round(${amount}, ${chance.between(0, 40)})` : amount
      const n = BigInt(digits) ** BigInt(chance.between(1, 3))
      rows.push(`(${rows.length}, ${lot}, ${chance.between(-9, 9)}, ${n}, ${scale}, ${digits}.5)`)
    }
  }
  return rows
}

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
  'avg(n)',
  'avg(id)',
  'avg(amount) filter (where n > 0)',
  'sum(abs(n))',
  'count(distinct n)',
  'count(distinct region)',
  'sum(distinct n)',
  'avg(distinct amount)',
  'stddev(n)',
  'stddev_pop(amount)',
  'variance(amount) filter (where n > 0)',
  'var_pop(id)',
  'stddev(distinct n)',
]
const CONDITIONS = [
  'count(*) > 2',
  'min(n) < 0 or max(amount) > $1',
  'not avg(n) between -1 and 1',
  'count(distinct region) in (1, 2)',
  'sum(amount) is null',
  'stddev(amount) > 200',
  '(bool_or(good) and count(n) >= $1)',
]
const COLUMNS = ['id', 'n', 'amount', 'born', 'good', 'region']
const FROMS = ['sales s', 'sales s join kinds k using (n)', 'sales s join sales o on o.id = s.id']

const WAYS = ['', ' desc', ' nulls first', ' desc nulls last', ' asc nulls last']

interface Read {
  readonly text: string
  readonly values: unknown[]
}

/** A read of all shards, in an order that says of each row where it stands. */
function randomRead(chance: Random): Read {
  const kind = chance.next()
  if (kind < 0.35) return randomRows(chance)
  return kind < 0.45 ? randomDistinct(chance) : randomGroups(chance)
}

const some = <T>(chance: Random, from: readonly T[], probability: number): T[] =>
  from.filter(() => chance.chance(probability))

function randomCount(chance: Random, values: unknown[], most: number): string {
  const say = (count: number): string => {
    if (chance.chance(0.5)) return String(count)
    values.push(chance.chance(0.5) ? count : String(count))
    return `$${values.length}`
  }
  const limit = chance.chance(0.5) ? ` limit ${say(chance.between(0, most))}` : ''
  return `${limit}${chance.chance(0.4) ? ` offset ${say(chance.between(0, most * 2))}` : ''}`
}

function randomRows(chance: Random): Read {
  const values: unknown[] = []
  const shown = chance.chance(0.2) ? ['*'] : [chance.pick(COLUMNS), ...some(chance, COLUMNS, 0.4)]
  const sorts = some(chance, [...COLUMNS, 's.n % 3', 'abs(s.n)', 's.born is null'], 0.25).concat(
    chance.chance(0.5) ? ['s.id'] : ['id'],
  )
  const isNamed = shown[0] !== '*' && new Set(shown).size < shown.length
  const order = sorts.map(
    (column) => `${isNamed && COLUMNS.includes(column) ? 's.' : ''}${column}${chance.pick(WAYS)}`,
  )
  const where = chance.chance(0.5)
    ? ''
    : ` where ${chance.pick(['n > 0', 'id < 3', 'amount < 100.5', 'id < 0'])}`
  const text = `select ${shown.join(', ')} from sales s${where} order by ${order.join(', ')}`
  return { text: text + randomCount(chance, values, chance.pick([3, 30, 300])), values }
}

function randomDistinct(chance: Random): Read {
  const values: unknown[] = []
  const columns = COLUMNS.slice(1).filter(() => chance.chance(0.4))
  const shown = columns.length === 0 ? ['region'] : columns
  const order = shown.map((_, at) => `${at + 1}${chance.pick(WAYS)}`)
  const text = `select distinct ${shown.join(', ')} from sales where id > 100 order by ${order.join(', ')}`
  return { text: text + randomCount(chance, values, 6), values }
}

function randomGroups(chance: Random): Read {
  const from = chance.pick(FROMS.slice(0, 1).concat(chance.chance(0.3) ? FROMS : []))
  const plain = from === 'sales s'
  const prefixed = (text: string): string =>
    plain
      ? text
      : text
          .replace(/\b(region|amount|born|good|id)\b(?!\.)/g, 's.$1')
          .replace('s.s.', 's.')
          .replace(/(?<![.\w])n(?!\w)/g, from.includes('using') ? 'n' : 's.n')
  const keys = some(chance, KEYS, 0.3).filter(
    (key, _, all) => !(key === 's.region' && all.includes('region')),
  )
  const calls = some(chance, CALLS, 0.2)
  const shownKeys = keys.filter(() => chance.chance(0.8))
  const targets = [...shownKeys, ...calls].map(prefixed)
  const values: unknown[] = []
  const where = chance.chance(0.5)
    ? ''
    : ` where ${prefixed(chance.pick(['n > 0', 'amount < 100.5', "region = 'a'", 'id between 10 and 300', 'id = -1']))}`
  if (targets.length === 0)
    return { text: `select ${prefixed('id')}, ${prefixed('amount')} from ${from}${where}`, values }
  const group = keys.length === 0 ? '' : ` group by ${keys.map(prefixed).join(', ')}`
  let having = ''
  if ((group !== '' || calls.length > 0) && chance.chance(0.3)) {
    having = ` having ${prefixed(chance.pick(CONDITIONS))}`
    if (having.includes('$1')) values.push(chance.between(0, 5))
  }
  const sorts = targets.map((_, at) => String(at + 1))
  if (group !== '' && chance.chance(0.3)) sorts.unshift(prefixed(chance.pick([...CALLS, ...keys])))
  const order = ` order by ${sorts.map((sort) => `${sort}${chance.pick(WAYS)}`).join(', ')}`
  const text = `select ${targets.join(', ')} from ${from}${where}${group}${having}${order}`
  return { text: text + randomCount(chance, values, 6), values }
}

test('I5: what shards answer by themselves is put together as one database would', {
  timeout: 600_000,
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

test('I5: variances and standard deviations are the same to the last digit', async () => {
  const calls = ['small', 'n', 'amount', 'n + amount'].flatMap((of) =>
    ['variance', 'var_samp', 'var_pop', 'stddev', 'stddev_samp', 'stddev_pop'].map(
      (name, at) => `${name}(${of}) as ${name}_${of.length}_${at}`,
    ),
  )
  const text = `select lot, ${calls.join(', ')} from wide group by lot order by lot`
  expect((await pool.query(`explain ${text}`)).rows[0]['QUERY PLAN']).toMatch(/^Shards s1, s2, s3/)
  const [found, wanted] = await Promise.all([pool.query(text), oracle.query(text)])
  expect(wanted.rowCount).toBe(400)
  expect(found.rows).toEqual(wanted.rows)
  const sorted =
    'select lot from wide group by lot having var_pop(n) > $1 order by stddev(amount) desc, lot limit 9'
  expect((await pool.query(sorted, [0])).rows).toEqual((await oracle.query(sorted, [0])).rows)
})

test.each(['select stddev(rate) from wide', 'select stddev(all n) from wide'])(
  'what adds up in one order alone, or is said in an odd way, is answered by the federation: %s',
  async (text) => {
    const answerOf = async (asked: Pool): Promise<string> =>
      (await asked.query<{ stddev: string }>(text)).rows[0]?.stddev as string
    expect((await pool.query(`explain ${text}`)).rows[0]['QUERY PLAN']).toMatch(/^Federation/)
    expect(Number(await answerOf(pool))).toBeCloseTo(Number(await answerOf(oracle)), 3)
  },
)

test.each([
  'select stddev(region) from sales',
  'select variance(born - born) from sales',
  'select stddev(n, n) from sales',
])('what has no variance fails as in one database: %s', async (text) => {
  const wanted = await oracle.query(text).catch((error: { code: string; message: string }) => error)
  await expect(pool.query(text)).rejects.toMatchObject({
    code: '42883',
    message: expect.stringContaining((wanted as Error).message),
  })
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

describe('EXPLAIN', () => {
  const planOf = async (text: string, values: unknown[] = []): Promise<string[]> =>
    (await pool.query(text, values)).rows.map((row) => row['QUERY PLAN'])

  test('of what is put together shows how, and the plan of each shard', async () => {
    const lines = await planOf(
      'explain (costs off) select id from sales where n = $1 order by born limit $2',
      [2, 5],
    )
    expect(lines.slice(0, 3)).toEqual([
      'Shards s1, s2, s3, put together here: rows merged in order, the first 5',
      '  Each is asked: select id, born as pgherd_1 from sales where n = $1 order by born limit $2',
      '  ->  s1',
    ])
    expect(lines).toContain('  ->  s3')
    expect(lines.filter((line) => line.includes('on sales'))).toHaveLength(3)
    expect(
      (await planOf('explain select region, avg(n), count(distinct good) from sales group by region'))[0],
    ).toBe(
      'Shards s1, s2, s3, put together here: region, sum over count, count of distinct good by region, by one of them',
    )
    expect((await planOf('explain analyze select id from sales'))[0]).toBe(
      'Shards s1, s2, s3, put together here: rows as they come',
    )
    expect((await planOf('explain select stddev(n), var_pop(amount) from sales'))[0]).toBe(
      'Shards s1, s2, s3, put together here: standard deviation by sums of squares, variance by sums of squares, by one of them',
    )
    const array = await pool.query({ text: 'explain select count(*) from sales', rowMode: 'array' })
    expect(array.rows[0]).toEqual(['Shards s1, s2, s3, put together here: count of count, by one of them'])
    expect(array.fields.map(({ name }) => name)).toEqual(['QUERY PLAN'])
  })

  test('of what the federation answers says why it does', async () => {
    const lines = await planOf('explain with s as (select * from sales) select count(*) from s')
    expect(lines[0]).toMatch(/^Federation, since it/)
    expect(lines.join()).toMatch(/Foreign Scan/)
    expect((await planOf(`explain select string_agg(region, '') from sales`))[0]).toBe(
      'Federation, since string_agg() cannot be computed from parts, or is not known to be',
    )
    expect((await planOf('explain select array[n] as a from sales order by a'))[0]).toBe(
      'Federation, since its columns have types that are not put together here',
    )
    expect((await planOf('explain select a.id from sales a join sales b on a.n = b.n'))[0]).toBe(
      'Federation, since its rows may be made of rows of several shards',
    )
  })

  test('of what sorts in a way of its own says so', async () => {
    expect((await planOf('explain select region::name as r from sales order by r'))[0]).toBe(
      'Federation, since values of type name may sort in a way of their own',
    )
    expect((await planOf('explain select region::shout as r from sales'))[0]).toMatch(/^Shards s1, s2, s3/)
    await expect(pool.query('explain select region::shout as r from sales order by r')).rejects.toThrow(
      'shout',
    )
    expect((await planOf('explain select name from named'))[0]).toMatch(/^Shards s1, s2, s3/)
    expect((await planOf('explain select name from named order by name'))[0]).toBe(
      'Federation, since named has a column that sorts in a way of its own',
    )
    expect((await planOf('explain select region::text as r from sales order by r'))[0]).toMatch(
      /^Shards s1, s2, s3/,
    )
  })

  test('of what one shard has is its plan, and for programs it is as PostgreSQL has it', async () => {
    expect((await planOf('explain select * from sales where id = 5'))[0]).toMatch(/^Index Scan|^Bitmap/)
    const { rows } = await pool.query('explain (format json) select count(*) from sales')
    expect(rows[0]['QUERY PLAN'][0].Plan).toBeDefined()
  })
})
