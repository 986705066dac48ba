import { beforeAll, describe, expect, test } from 'vitest'
import { loadParser, mergeStatement, readScatter } from '../../src/sql/index.js'

beforeAll(loadParser)

const NONE = (): null => null

/** What merges the answers, where all columns are bigint called n0, n1, …. */
function mergeOf(text: string, rowsOf: (parameter: number) => string | null = NONE): string | null {
  const merge = readScatter(text)?.merge
  if (merge === null || merge === undefined) return null
  const columns = merge.columns.map((_, at) => ({ name: `n${at}`, type: 'int8' }))
  return mergeStatement(merge, columns, rowsOf)
}

test('plain rows are handed on', () => {
  expect(readScatter(`select id, 'a' as "from" from users as u (id, b) where b = $2`)).toEqual({
    partial: { text: `select id, 'a' as "from" from users as u (id, b) where b = $1`, parameters: [2] },
    merge: null,
  })
})

test('aggregates are aggregated again, by what was grouped by', () => {
  const text = `select u.region as r, count(*), sum(score) filter (where a > 5), min(a + $1) from users u where t = 'x' group by u.region`
  expect(readScatter(text)?.partial).toEqual({ text, parameters: [1] })
  expect(mergeOf(text)).toBe(
    'select c0 as "n0", coalesce(sum(c1), 0)::int8 as "n1", sum(c2)::int8 as "n2", min(c3) as "n3"' +
      ' from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) as p (c0, c1, c2, c3) group by c0',
  )
})

test('an order and a limit are of the whole, not of a part', () => {
  const text =
    'select region as r, count(*) from users where a = $1 group by region order by 2 desc nulls last, r limit 5 offset $2'
  expect(readScatter(text)?.partial).toEqual({
    text: 'select region as r, count(*) from users where a = $1 group by region ',
    parameters: [1],
  })
  expect(mergeOf(text, (parameter) => `${parameter}0`)).toMatch(
    / group by c0 order by 2 desc nulls last, 1 limit 5 offset 20$/,
  )
  expect(mergeOf(text)).toBeNull()
})

test('an order by the same expression is one by its column', () => {
  expect(mergeOf('select a, max(b) from t group by a order by max(b) desc, t.a')).toBeNull()
  expect(mergeOf('select a, max(b) from t group by a order by max(b) desc, a')).toMatch(
    / order by 2 desc, 1$/,
  )
  expect(mergeOf('select a, max(b + 1) from t group by a order by max(b + 2)')).toBeNull()
})

test('names are quoted, and types that do not add up exactly are not added', () => {
  const merge = readScatter('select sum(a) as "x""y" from t')?.merge
  if (merge === null || merge === undefined) throw new Error('not taken apart')
  expect(mergeStatement(merge, [{ name: 'x"y', type: 'numeric' }], NONE)).toBe(
    'select sum(c0) as "x""y" from unnest($1::numeric[]) as p (c0)',
  )
  expect(mergeStatement(merge, [{ name: 'x', type: 'float8' }], NONE)).toBeNull()
})

describe('for somebody else is', () => {
  test.each([
    'select id from users order by id',
    'select id from users limit 5',
    'select distinct region from users',
    'select avg(score) from users',
    'select count(distinct a) from users',
    'select string_agg(a, b) from users',
    'select array_agg(a order by b) from users',
    'select count(*) over () from users',
    'select count(*) from users group by region',
    'select region, count(*) + 1 from users group by region',
    'select region, count(*) from users group by 1',
    'select lower(region), count(*) from users group by lower(region)',
    'select region as r, count(*) from users group by r',
    'select region, count(*) from users group by region having count(*) > 1',
    'select region, count(*) from users group by rollup (region)',
    'select region, count(*) from users group by region order by count(*) using <',
    'select region, count(*) from users group by region order by score',
    'select region, count(*) from users group by region limit 1 + 1',
    'select region, count(*) from users group by region fetch first 2 rows with ties',
    'select min(region collate "C") from users',
    'select count(*) from users union all select 1',
    'with x as (select 1) select count(*) from users',
    'select count(*) from users for update',
    'select lower(region) from users',
    'select (select count(*) from users)',
    'select mine.count(a) from users',
    'values (1)',
    'table users; select 1',
    'insert into users values (1)',
    '',
  ])('%s', (text) => {
    expect(readScatter(text)).toBeNull()
  })
})

test.each([
  'select a as order, count(*) from t group by a order by a',
  'select t.limit, count(*) from t group by t.limit order by 2',
  'select "order by", count(*) from t group by "order by" order by 2',
])('a name is no clause: %s', (text) => {
  const partial = readScatter(text)?.partial.text
  if (partial !== undefined)
    expect(text.startsWith(partial) && text.slice(partial.length)).toMatch(/^order by (a|2)$/)
})
