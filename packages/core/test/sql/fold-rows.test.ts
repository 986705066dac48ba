import { beforeAll, expect, test } from 'vitest'
import { foldRows } from '../../src/sql/fold-rows.js'
import { lexStatement, loadParser, readFacts, StatementReader } from '../../src/sql/index.js'

beforeAll(loadParser)

const lex = (text: string) => lexStatement(text, { backslashQuotes: false })

const ITEMS = [
  ...['1', '-1', '- 2', '3.5', '.5', '1e5', '123456789012', 'null', 'NULL', 'default', 'true', 'FALSE'],
  ...[
    "'a'",
    "'b,c'",
    "'(d)'",
    "'it''s'",
    "E'\\n'",
    "U&'x'",
    "N'x'",
    '$$x)$$',
    "'2020-01-01'::date",
    '7::int8',
  ],
]

/** The same numbers for the same seed (Park and Miller, 1988). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

function insertOf(random: (below: number) => number): string {
  const columns = 1 + random(4)
  const rows = 17 + random(40)
  const forms = Array.from({ length: 1 + random(8) }, () =>
    Array.from({ length: columns }, () => (random(5) === 0 ? '$' : ITEMS[random(ITEMS.length)])),
  )
  let parameter = random(3)
  const gap = ['', ' ', '\n  ', ' /* x */ '][random(4)]
  const values = Array.from({ length: rows }, () => {
    const row = (forms[random(forms.length)] as string[]).map((item) =>
      item === '$' ? `$${random(9) === 0 ? 1 : ++parameter}` : item,
    )
    return `(${gap}${row.join(`,${gap}`)})`
  })
  const head = ['insert into t values ', 'INSERT INTO s.t (a, b) VALUES', 'insert into "T"("a") values\n'][
    random(3)
  ]
  const tail = ['', ' returning a', ' on conflict (a) do nothing', ' on conflict do update set a = $1'][
    random(4)
  ]
  return `${head}${values.join(`${gap},${gap}`)}${tail}`
}

test('what is said of folded rows is what is said of all of them', () => {
  const random = seeded(20_261_122)
  let folded = 0
  for (let round = 0; round < 500; round++) {
    const text = insertOf(random)
    const { facts } = new StatementReader().factsOf(text)
    expect(facts, text).toEqual(readFacts(text))
    if (foldRows(lex(text)) !== null) folded++
  }
  expect(folded).toBeGreaterThan(400)
})

test.each([
  ['a literal behind the rows', ' on conflict do update set a = 5'],
  ['another statement', '; select 1'],
  ['a call', ', (now())'],
  ['a subquery', ', ((select 1))'],
  ['an expression', ', (1 + 1)'],
  ['a name', ', (a)'],
  ['a row that does not end', ', (1'],
  ['a comma at the end', ','],
])('with %s it is read as it is', (_, tail) => {
  const text = `insert into t values ${'(1), '.repeat(30)}(2)${tail}`
  const { facts } = new StatementReader().factsOf(text)
  expect(facts).toEqual(readFacts(text))
})

test('rows of different lengths are as wrong as they were', () => {
  const text = `insert into t values ${'(1), '.repeat(30)}(2, 3)`
  const { facts } = new StatementReader().factsOf(text)
  expect(facts.understood).toBe(readFacts(text).understood)
})

test('thousands of rows are parsed once, however many there are', () => {
  const reader = new StatementReader()
  const rows = (count: number): string =>
    Array.from({ length: count }, (_, id) => `(${id}, 'user ${id}')`).join(', ')
  for (const count of [1000, 1001, 10_000, 30_000]) {
    const { facts, literals } = reader.factsOf(`insert into users values ${rows(count)}`)
    expect(facts.inserts[0]?.rows?.length).toBe(count)
    expect(facts.inserts[0]?.rows?.at(-1)?.[0]).toMatchObject({ index: literals.length - 2 })
  }
  expect(reader.stats.parsed).toBe(1)
})

test('as many parameters as PostgreSQL takes are read', () => {
  const rows = Array.from(
    { length: 16_383 },
    (_, row) => `($${4 * row + 1},$${4 * row + 2},$${4 * row + 3},$${4 * row + 4})`,
  )
  const { facts } = new StatementReader().factsOf(`insert into t values ${rows.join(',')}`)
  expect(facts).toMatchObject({ understood: true, maxParameter: 65_532 })
  expect(facts.inserts[0]?.rows?.[16_382]?.[0]).toMatchObject({ kind: 'parameter', index: 65_529 })
})

test('a few rows of each of many forms are read as they are', () => {
  const texts = Array.from(
    { length: 40 },
    (_, row) => `(${Array.from({ length: 6 }, (_, at) => ((row >> at) & 1 ? 'null' : '1')).join()})`,
  )
  expect(foldRows(lex(`insert into t values ${texts.join()}`))).toBeNull()
})
