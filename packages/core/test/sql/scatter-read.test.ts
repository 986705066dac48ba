import { beforeAll, describe, expect, test } from 'vitest'
import { countRows, EACH, loadParser, mergeStatement, readScatter } from '../../src/sql/index.js'

beforeAll(loadParser)

/** What merges the answers, where all columns are of one type and called n0, n1, …. */
function mergeOf(text: string, given: Record<number, string> = {}, typeId = 20): string | null {
  const read = readScatter(text)
  if ('why' in read || read.gather.kind !== 'groups') throw new Error(JSON.stringify(read))
  const answers = Array.from({ length: 9 }, (_, at) => ({ name: `n${at}`, typeId }))
  const counted = countRows(read.gather, (parameter) => given[parameter] ?? null)
  const merge = counted === null ? null : mergeStatement(read.gather, counted, answers)
  return merge === null ? null : merge.text.replace(/ from unnest\(.* as p \(.*?\)/, ' from p')
}

function partialOf(text: string): string {
  const read = readScatter(text)
  if ('why' in read) throw new Error(read.why)
  return read.partial.text
}

test('plain rows are handed on', () => {
  expect(readScatter(`select id, 'a' as "from" from users as u (id, b) where b = $2;`)).toEqual({
    partial: { text: `select id, 'a' as "from" from users as u (id, b) where b = $1`, parameters: [2] },
    gather: { kind: 'rows', order: [], hidden: 0, limit: null, offset: null },
  })
})

test('of rows in an order each shard is asked as many as could all be its own', () => {
  expect(partialOf('select id, a from t order by 2 desc limit 10 offset 5')).toBe(
    'select id, a from t order by 2 desc limit 15',
  )
  const read = readScatter('select id from t where b = $3 order by id limit $1 offset $2')
  expect(read).toMatchObject({
    partial: { text: 'select id from t where b = $1 order by id limit $2', parameters: [3, EACH] },
    gather: { order: [{ column: 0, descending: false, nullsFirst: false }] },
  })
  if ('why' in read) throw new Error(read.why)
  const count = (limit: string | null, offset: string | null) =>
    countRows(read.gather, (parameter) => (parameter === 1 ? limit : offset))
  expect(count('10', '5')).toEqual({ limit: 10, offset: 5, each: '15' })
  expect(count(null, '5')).toEqual({ limit: null, offset: 5, each: null })
  expect(count('10', null)).toEqual({ limit: 10, offset: 0, each: '10' })
  expect(count('-1', '5')).toBeNull()
  expect(count('1.5', '5')).toBeNull()
})

test('what is sorted by and not selected is asked for as well', () => {
  expect(readScatter('select id from users u order by u.born desc, "from" nulls first')).toMatchObject({
    partial: {
      text: 'select id, u.born as pgherd_1, "from" as pgherd_2 from users u order by u.born desc, "from" nulls first',
    },
    gather: {
      hidden: 2,
      order: [
        { column: 'pgherd_1', descending: true, nullsFirst: true },
        { column: 'pgherd_2', descending: false, nullsFirst: true },
      ],
    },
  })
  expect(readScatter('select *, a as x from users order by born')).toMatchObject({
    gather: { hidden: 0, order: [{ column: 'born' }] },
  })
})

test('what is sorted by may be computed, and functions of one row are called where it is', () => {
  const isOfRow = (name: string): boolean => ['lower', 'abs'].includes(name)
  const text = `select lower(a), id from t order by abs(n + 5) desc nulls last, case when a = 'x,y' then 1 else $2 end, array[n, 1], b`
  expect(readScatter(`${text} limit $1`, isOfRow)).toMatchObject({
    partial: {
      text:
        `select lower(a), id, abs(n + 5) as pgherd_1, case when a = 'x,y' then 1 else $1 end as pgherd_2, ` +
        `array[n, 1] as pgherd_3, b as pgherd_4 from t ${text.slice(text.indexOf('order')).replace('$2', '$1')} limit $2`,
      parameters: [2, EACH],
    },
    gather: { hidden: 4, order: [{ descending: true, nullsFirst: false }, {}, {}, { column: 'pgherd_4' }] },
  })
  for (const other of [
    'select upper(a) from t',
    'select abs(a) over () from t',
    'select a from t order by upper(a)',
  ])
    expect(readScatter(other, isOfRow)).toEqual({ why: expect.any(String) })
  expect(readScatter('select lower(a) from t order by max(b)', isOfRow)).toEqual({ why: expect.any(String) })
})

test('aggregates are aggregated again, by what was grouped by', () => {
  const text = `select u.region as r, count(*), sum(score) filter (where a > 5), min(a + $1) from users u where t = 'x' group by u.region`
  expect(readScatter(text)).toMatchObject({ partial: { text: `${text} limit 50001`, parameters: [1] } })
  expect(mergeOf(text)).toBe(
    'select c0 as "r", coalesce(sum(c1), 0)::int8 as "count", sum(c2)::int8 as "sum", min(c3) as "min" from p group by c0',
  )
})

test('an average is of sums and counts', () => {
  const text = 'select avg(a) filter (where b > 3) as x, k from t group by k'
  expect(partialOf(text)).toBe(
    'select sum(a) filter (where b > 3) as x, k, count(a) filter (where b > 3) as pgherd_1 from t group by k limit 50001',
  )
  expect(mergeOf(text)).toBe(
    'select (sum(c0::numeric) / nullif(sum(c2), 0)) as "x", c1 as "n1" from p group by c1',
  )
  expect(mergeOf(text, {}, 701)).toBeNull()
})

test('a variance is of counts, sums and sums of squares', () => {
  const text = 'select stddev(a + $1) filter (where b) as x, k from t group by k'
  expect(partialOf(text)).toBe(
    'select stddev(a + $1) filter (where b) as x, k, count(a + $1) filter (where b) as pgherd_1, ' +
      'sum((a + $1)::numeric) filter (where b) as pgherd_2, ' +
      'sum((a + $1)::numeric * (a + $1)::numeric) filter (where b) as pgherd_3 from t group by k limit 50001',
  )
  expect(mergeOf(text, {}, 1700)).toMatch(/ else round\(sqrt\(/)
  // Of floats.
  expect(mergeOf(text, {}, 701)).toBeNull()
})

test('of distinct values each shard answers each once', () => {
  expect(partialOf('select count(distinct a), max(b) from t')).toBe(
    'select a, max(b) from t group by a limit 50001',
  )
  expect(partialOf('select k, count(distinct t.a) c from t group by k')).toBe(
    'select k, t.a c from t group by k, t.a limit 50001',
  )
  expect(mergeOf('select k, count(distinct t.a) c from t group by k')).toBe(
    'select c0 as "n0", count(distinct c1) as "c" from p group by c0',
  )
  expect(mergeOf('select distinct a, b from t order by b')).toBe(
    'select c0 as "n0", c1 as "n1" from p group by c0, c1 order by c1 nulls last',
  )
})

test('groups are filtered by what is known of the whole', () => {
  const text = `select k from t where a = $1 group by k having count(*) > $2 or not min(t.b) in (1, -2) order by sum(c) desc`
  expect(readScatter(text)).toMatchObject({
    partial: {
      text: 'select k, count(*) as pgherd_1, min(t.b) as pgherd_2, sum(c) as pgherd_3 from t where a = $1 group by k limit 50001',
      parameters: [1],
    },
  })
  expect(mergeOf(text)).toBe(
    'select c0 as "n0" from p group by c0 having coalesce(sum(c1), 0)::int8 > $10 or not min(c2) in (1, -2) ' +
      ' order by sum(c3)::int8 desc nulls first',
  )
})

test('an order and a limit are of the whole, not of a part', () => {
  const text =
    'select region as r, count(*) from users where a = $1 group by region order by 2 desc nulls last, r limit 5 offset $2'
  expect(readScatter(text)).toMatchObject({
    partial: {
      text: 'select region as r, count(*) from users where a = $1 group by region limit 50001',
      parameters: [1],
    },
  })
  expect(mergeOf(text, { 2: '20' })).toMatch(
    / group by c0 order by coalesce\(sum\(c1\), 0\)::int8 desc nulls last, c0 nulls last limit 5 offset 20$/,
  )
  expect(mergeOf(text, { 2: 'x' })).toBeNull()
})

test('an order by the same expression is one by its column', () => {
  expect(mergeOf('select a, max(b) from t group by a order by max(b) desc, a')).toMatch(
    / order by max\(c1\) desc nulls first, c0 nulls last$/,
  )
  expect(partialOf('select a, max(b + 1) from t group by a order by max(b + 2)')).toBe(
    'select a, max(b + 1), max(b + 2) as pgherd_1 from t group by a limit 50001',
  )
  expect(partialOf('select a + 1 as x, count(*) from t group by a + 1 order by a + 1')).toBe(
    'select a + 1 as x, count(*) from t group by a + 1 limit 50001',
  )
})

test('names are quoted, and types that do not add up exactly are not added', () => {
  expect(mergeOf('select sum(a) as "x""y" from t', {}, 1700)).toBe('select sum(c0) as "x""y" from p')
  expect(mergeOf('select sum(a) as x from t', {}, 701)).toBeNull()
})

describe('for somebody else is', () => {
  test.each([
    'select id from users order by id using <',
    'select id from users order by lower(name)',
    'select id from users order by max(name)',
    'select id from users order by (select 1)',
    'select id from users order by null',
    'select a as x, b as x from users order by x',
    'select id from users where a = $1 limit $1',
    'select id from users limit 1 + 1',
    'select id from users order by id fetch first 2 rows with ties',
    'select id, a is distinct from b from users order by c',
    'select distinct on (region) region, a from users',
    'select distinct * from users',
    'select distinct count(*) from users',
    'select string_agg(a, b) from users',
    'select stddev(all a) from users',
    'select stddev(a => 1) from users',
    'select stddev(a, b) from users',
    'select corr(a, b) from users',
    'select array_agg(a order by b) from users',
    'select count(distinct a + 1) from users',
    'select count(distinct a) filter (where b) from users',
    'select bool_or(distinct a) from users',
    'select count(*) over () from users',
    'select region, count(*) + 1 from users group by region',
    'select region, count(*) from users group by 3',
    'select count(*) from users group by a + 1',
    'select a + 2, count(*) from users group by a + 1',
    'select region as r, count(*) from users group by r',
    'select region, count(*) from users group by region having lower(region) = $1',
    'select region, count(*) from users where a = $1 group by region having count(*) > $1',
    'select region, count(*) from users group by region having exists (select 1)',
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
    'select id, (select 1) from users',
    'select sum((select 1)) from users',
    'select mine.count(a) from users',
    'select from users',
    'values (1)',
    'table users; select 1',
    'insert into users values (1)',
    '',
  ])('%s', (text) => {
    expect(readScatter(text)).toEqual({ why: expect.stringMatching(/^(it|its|a|several|\w+\(.*\)) /) })
  })
})

test.each([
  'select a as order, count(*) from t group by a order by a',
  'select t.limit, count(*) from t group by t.limit order by 2',
  'select "order by", count(*) from t group by "order by" order by 2',
])('a name is no clause: %s', (text) => {
  expect(partialOf(text)).toBe(`${text.replace(/ order by (a|2)$/, '')} limit 50001`)
})
