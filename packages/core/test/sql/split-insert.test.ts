import { expect, test } from 'vitest'
import { nameColumns, splitInsert } from '../../src/sql/index.js'

const part = (text: string, rows: number[]) => splitInsert(text)?.with(rows)

test('rows are told apart, with their literals and comments', () => {
  const text = `insert into t (a, "values (") values (1, 'it''s, (x)'), /* ) */ (2, E'\\'('), (3, $$), ($$) returning a`
  expect(splitInsert(text)?.count).toBe(3)
  expect(part(text, [0, 2])).toEqual({
    text: `insert into t (a, "values (") values (1, 'it''s, (x)'), (3, $$), ($$) returning a`,
    parameters: [],
  })
  expect(part(text, [1])?.text).toContain(`values (2, E'\\'(') returning a`)
})

test('parameters are counted anew', () => {
  const text = 'insert into t values ($1, $2, now()), ($3, $4, f($1)) on conflict (a) do update set b = $5'
  expect(part(text, [1])).toEqual({
    text: 'insert into t values ($1, $2, f($3)) on conflict (a) do update set b = $4',
    parameters: [3, 4, 1, 5],
  })
  expect(part(text, [1, 0])?.parameters).toEqual([3, 4, 1, 2, 5])
})

test('names with a dollar in them are no parameters', () => {
  expect(part('insert into t$1 (a$2) values ($2), ($1)', [1])).toEqual({
    text: 'insert into t$1 (a$2) values ($1)',
    parameters: [1],
  })
})

test.each([
  'insert into t select 1',
  'insert into t default values',
  'insert into "values" select (1), (2)',
  '',
])('%s has no rows', (text) => {
  expect(splitInsert(text)).toBeNull()
})

test('the VALUES of a table expression in front are not its rows', () => {
  const text = 'with x (a) as (values (1), (2)) insert into t values (5), (6)'
  expect(part(text, [1])?.text).toBe('with x (a) as (values (1), (2)) insert into t values (6)')
})

test.each([
  [
    `insert into t values ($2, 'values'), ($1, 2)`,
    `insert into t ("a", "b""c") values ($2, 'values'), ($1, 2)`,
  ],
  [
    'insert into t as x values (1, 2) returning x.a',
    'insert into t as x ("a", "b""c") values (1, 2) returning x.a',
  ],
  [
    'with v as (values (1)) insert into t overriding system value values (1, 2)',
    'with v as (values (1)) insert into t ("a", "b""c") overriding system value values (1, 2)',
  ],
])('columns are named in %s', (text, named) => {
  expect(nameColumns(text, ['a', 'b"c'])).toBe(named)
})

test('where there are no VALUES no columns are named', () => {
  expect(nameColumns('with x as (insert into t values (1) returning a) select a from x', ['a'])).toBeNull()
  expect(nameColumns('insert into t select 1', ['a'])).toBeNull()
})

test('a dollar sign in a name is no parameter', () => {
  const part = splitInsert('insert into t (a) values ($1), ($2) returning "x$1", "y""$2", z$1')?.with([1])
  expect(part).toEqual({
    text: 'insert into t (a) values ($1) returning "x$1", "y""$2", z$1',
    parameters: [2],
  })
})
