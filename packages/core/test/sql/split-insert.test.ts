import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { lexStatement, nameColumns, splitInsert, splitPlainInsert } from '../../src/sql/index.js'

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

const plainPart = (text: string, rows: number[], columns: string[] | null = null) =>
  splitPlainInsert(text, lexStatement(text, { backslashQuotes: false }).literals, columns)?.with(rows)

test('rows of a plain INSERT are cut out as they stand', () => {
  const text = `insert into s.t (a, b) values (1, 'it''s, (x)'), (-2, E'\\'('),\n (3, $$), ($$) on conflict do nothing`
  expect(plainPart(text, [0, 2])?.text).toBe(
    `insert into s.t (a, b) values (1, 'it''s, (x)'),(3, $$), ($$) on conflict do nothing`,
  )
  expect(plainPart(text, [1])?.text).toBe(
    `insert into s.t (a, b) values (-2, E'\\'(') on conflict do nothing`,
  )
  expect(plainPart('INSERT INTO t VALUES (1, lower(2::text)), (3, 4);', [1], ['a', 'b'])?.text).toBe(
    'INSERT INTO t ("a", "b") values (3, 4);',
  )
})

test.each([
  'insert into "t" values (1), (2)',
  'insert into t ("a") values (1), (2)',
  'insert into t values ($1), (2)',
  'insert into t values (1), (2) returning $1',
  'insert into t values (1 -- )\n), (2)',
  'insert into t values (1 /* ) */), (2)',
  'insert into t values ("a"), (2)',
  'with x as (select 1) insert into t values (1)',
  'insert into t select 1',
  'insert into t overriding system value values (1), (2)',
  'insert into t values (1), (2',
])('%s is not cut without reading it', (text) => {
  expect(plainPart(text, [0], ['a'])).toBeUndefined()
})

test('cut or taken apart, the rows mean the same', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const chance = new Random(seed)
    const values = [
      '1',
      '-2',
      '1.5e3',
      `'a'`,
      `'''),('`,
      'null',
      'default',
      `e'\\\\'`,
      `$x$ ( $x$`,
      'f(1, (2))',
      `'1'::int`,
    ]
    const rows = Array.from(
      { length: chance.between(1, 5) },
      () => `(${chance.pick(values)}${chance.pick([',', ', ', ' ,\n'])}${chance.pick(values)})`,
    )
    const text = `insert into t (a, b) values ${rows.join(chance.pick([',', ', ', ' ,\n ']))}${chance.pick(['', ' returning a', ';'])}`
    const wanted = rows.flatMap((_, row) => (chance.chance(0.6) ? [row] : []))
    if (wanted.length === 0) continue
    const cut = plainPart(text, wanted)?.text ?? ''
    const apart = part(text, wanted)?.text ?? ''
    expect(lexStatement(cut, { backslashQuotes: false }).shape.replace(/\s/g, ''), text).toBe(
      lexStatement(apart, { backslashQuotes: false }).shape.replace(/\s/g, ''),
    )
    expect(literalsOf(cut), text).toEqual(literalsOf(apart))
  }
})

function literalsOf(text: string): string[] {
  return lexStatement(text, { backslashQuotes: false }).literals.map(({ start, end }) =>
    text.slice(start, end),
  )
}
