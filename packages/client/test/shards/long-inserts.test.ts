import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import type { Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

// INSERTs whose rows are found by their forms, against one database.

const ROUNDS = 40
const TABLES = ['numbers', 'words', 'pairs']
let fixture: ShardedPool
let pool: Pool
let oracle: pg.Client

beforeAll(async () => {
  fixture = await ShardedPool.open({
    placement: `
  tables:
    numbers: { key: id }
    words: { key: id }
    pairs: { key: [id, name] }`,
  })
  pool = fixture.pool
  oracle = await fixture.openOracle()
  for (const text of [
    `create table numbers (id int primary key, name text default 'none', score numeric, good bool)`,
    `create table words (id text primary key, name text default 'none', score numeric, good bool)`,
    `create table pairs (id int8, name text, score numeric, good bool, primary key (id, name))`,
  ]) {
    await pool.query(text)
    await oracle.query(text)
  }
}, 180_000)

afterAll(() => fixture.close())

interface Insert {
  readonly text: string
  readonly values: unknown[]
}

function randomInsert(chance: Random, table: string): Insert {
  const values: unknown[] = []
  const given = (value: unknown): string => `$${values.push(value)}`
  const word = (): string =>
    chance.pick(['a', "it''s", 'b, (c)', '', 'Ω', '😀'].slice(0, chance.pick([5, 5, 5, 6])))
  const oneOf = (...says: (() => string)[]): string => chance.pick(says)()
  const key = (): string => {
    const number = chance.between(-3000, 3000)
    if (table === 'words')
      return oneOf(
        () => `'${word()}${number}'`,
        () => `$$${word()}${number}$$`,
        () => given(`w${number}`),
      )
    return oneOf(
      () => String(number),
      () => `- ${Math.abs(number)}`,
      () => `'${number}'`,
      () => given(number),
      () => given(`${number}`),
    )
  }
  const name = (): string => {
    const plain = [() => `'${word()}'`, () => `$of$${word()}$of$`, () => given('given')]
    const more = [() => `e'it\\'s'`, () => `U&'\\00e4'`, () => 'null', () => 'default']
    // What an escape says is not read for a key.
    return oneOf(...plain, ...(table === 'pairs' ? [] : more))
  }
  const score = (): string =>
    oneOf(
      () => chance.pick(['1', '-2.50', '1e3', '12345678901234', 'null', '.5']),
      () => given('7.25'),
    )
  const good = (): string => chance.pick(['true', 'FALSE', 'null', `'t'`])
  const columns = [key, name, score, good]
  // Mostly a few forms, as programs make them.
  const isEven = chance.chance(0.5)
  const order = chance.chance(0.3) ? ['score', 'id', 'good', 'name'] : null
  const rows = Array.from({ length: chance.between(60, 300) }, (_, at) => {
    const plain = [
      table === 'words' ? `'w${at}'` : String(at * 7),
      `'n${at}'`,
      String(at),
      at % 3 === 0 ? 'null' : 'true',
    ]
    const said = isEven ? plain : columns.map((say) => say())
    return order === null
      ? `(${said.join(', ')})`
      : `(${[2, 0, 3, 1].map((place) => said[place]).join(',/* ) */ ')})`
  })
  const names = order === null ? chance.pick(['', ' (id, name, score, good)']) : ` (${order.join(', ')})`
  const tail = chance.pick([
    ' on conflict do nothing',
    ' on conflict do nothing returning id, score',
    ` on conflict do nothing returning 'literal', good`,
  ])
  return {
    text: `insert into ${table}${names} values ${rows.join(chance.pick([', ', ',', ' ,\n', ', -- one (1)\n']))}${tail}`,
    values,
  }
}

test('I5: thousands of rows are inserted as into one database', { timeout: 240_000 }, async () => {
  const chance = new Random(20_261_122)
  let [done, refused] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const table = chance.pick(TABLES)
    const { text, values } = randomInsert(chance, table)
    const [found, wanted] = await Promise.all(
      [pool, oracle].map((asked) => asked.query(text, values).catch((error: Error) => error)),
    )
    if (wanted instanceof Error || found instanceof Error) {
      refused++
      expect(found, text).toBeInstanceOf(Error)
      expect((found as { code?: string }).code, text).toBe((wanted as { code?: string }).code)
      continue
    }
    done++
    expect(found?.rowCount, text).toBe(wanted?.rowCount)
    expect([...(found?.rows ?? [])].map((row) => JSON.stringify(row)).sort(), text).toEqual(
      [...(wanted?.rows ?? [])].map((row) => JSON.stringify(row)).sort(),
    )
    const all = `select * from ${table} order by 1, 2`
    expect((await pool.query(all)).rows, text).toEqual((await oracle.query(all)).rows)
  }
  console.log(`${done} done, ${refused} refused`)
  expect(done).toBeGreaterThan(ROUNDS / 2)
})

test.each([
  ['without its key', '(null, 1)', { code: 'SHARD_KEY_MISSING' }],
  ['with a key that is too large', '(12345678901, 1)', { code: '22003' }],
  ['with a key that is no number', `('x', 1)`, { code: 'SHARD_KEY_INVALID' }],
  ['with the default for its key', '(default, 1)', { code: 'SHARD_KEY_MISSING' }],
  ['that is there twice', '(100001, 1)', { code: '23505' }],
  ['of more columns', '(1, 2, 3, 4, 5)', { code: '42601' }],
])('one row of many %s ends all of them', async (_, row, error) => {
  const rows = Array.from({ length: 300 }, (_, at) => `(${100_000 + at}, ${at})`)
  const text = `insert into numbers (id, score) values ${rows.join(', ')}, ${row}`
  const count = 'select count(*)::int as n from numbers where id >= 100000'
  await expect(pool.query(text)).rejects.toMatchObject(error)
  expect((await pool.query(count)).rows).toEqual([{ n: 0 }])
})

test('too few values and too many are counted', async () => {
  const places = Array.from({ length: 300 }, (_, at) => `($${2 * at + 1}, $${2 * at + 2})`)
  const text = `insert into numbers (id, score) values ${places.join(', ')}`
  const values = Array.from({ length: 600 }, (_, at) => 200_000 + at)
  for (const given of [values.slice(1), [...values, 1]])
    await expect(pool.query(text, given)).rejects.toMatchObject({ code: '08P01' })
  expect((await pool.query(text, values)).rowCount).toBe(300)
})

test('thousands of rows with notes and dollar quotes between them are not too long to be read', async () => {
  const rows = Array.from(
    { length: 20_000 },
    (_, at) => `-- row ${at}\n  (${300_000 + at}, $of$(it's)$of$ /* , */)`,
  )
  const text = `/* from a dump */ insert into numbers (id, name) values\n${rows.join(',\n')}`
  expect((await pool.query(text)).rowCount).toBe(20_000)
  const { rows: found } = await pool.query(
    `select count(*)::int as n, min(name) as name, sum(id)::int8 as sum from numbers where id >= 300000`,
  )
  expect(found).toEqual([{ n: 20_000, name: "(it's)", sum: '6199990000' }])
})
