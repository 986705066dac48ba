import { beforeAll, expect, test } from 'vitest'
import {
  lexStatement,
  loadParser,
  readFacts,
  readValueRows,
  type StatementFacts,
  StatementReader,
  splitInsert,
} from '../../src/sql/index.js'

beforeAll(loadParser)

const OPTIONS = { backslashQuotes: false }
const lex = (text: string) => lexStatement(text, OPTIONS)

const ITEMS = [
  ...['1', '-1', '- 2', '3.5', '.5', '1e5', '123456789012', 'null', 'NULL', 'default', 'true', 'FALSE'],
  ...[
    "'a'",
    "'b,c'",
    "'(d)'",
    "'it''s'",
    "E'\\n'",
    "'x'', (''y'",
    "e'it\\'s, ('",
    "N'x'",
    "'ä'",
    "'😀'",
    '1.5E-3',
    '5.',
    "'2020-01-01'::date",
    '7::int8',
    '$$b, (c$)$$',
    '$a$($$), $b$,$a$',
    '$ä1$x$ä$ä1$',
    '$$$$',
    "U&'\\0061'",
    "b'101'",
    "X'1f'::bytea",
  ],
]

const GAPS = [' /* x */ ', '/*),(*/', '/***/', '--1)\n', ' -- it is ($1\n ', '-- $$\r']

/** The same numbers for the same seed (Park and Miller, 1988). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

function insertOf(random: (below: number) => number): string {
  const columns = 2 + random(3)
  const rows = 150 + random(100)
  const forms = Array.from({ length: 1 + random(8) }, () =>
    Array.from({ length: columns }, () => (random(5) === 0 ? '$' : ITEMS[random(ITEMS.length)])),
  )
  let parameter = random(3)
  const gap = random(4) === 0 ? GAPS[random(GAPS.length)] : ['', ' ', '\n  '][random(3)]
  const values = Array.from({ length: rows }, () => {
    const row = (forms[random(forms.length)] as string[]).map((item) =>
      item === '$' ? `$${random(9) === 0 ? 1 : ++parameter}` : item,
    )
    return `(${gap}${row.join(`,${gap}`)})`
  })
  const heads = ['insert into t values ', 'INSERT INTO s.t (a, b) VALUES', 'insert into "T"("a") values\n']
  const noted = '/* from "here" */ insert -- into\n into t /* values ( */ values--(\n'
  const head = [...heads, noted][random(4)]
  const tail = ['', ' returning a', ' on conflict (a) do nothing', ' on conflict do update set a = $1'][
    random(4)
  ]
  return `${head}${values.join(`${gap},${gap}`)}${tail}`
}

/** The types in an order of their own. */
function withoutRows(facts: StatementFacts): unknown {
  const types = facts.types.map(({ name }) => name).sort()
  return { ...facts, types, inserts: [], maxParameter: 0 }
}

test('what is said of folded rows is what is said of all of them', () => {
  const random = seeded(20_261_122)
  let folded = 0
  for (let round = 0; round < 100; round++) {
    const text = insertOf(random)
    const whole = readFacts(text)
    const { facts, rows } = new StatementReader().factsOf(text)
    if (rows === null) {
      expect(facts, text).toEqual(whole)
      continue
    }
    folded++
    const [insert, wanted] = [facts.inserts[0], whole.inserts[0]]
    expect(withoutRows(facts)).toEqual(withoutRows(whole))
    expect({ ...insert, rows: [] }).toEqual({ ...wanted, rows: [] })
    expect(rows.maxParameter).toBe(whole.maxParameter)
    expect(rows.count).toBe(wanted?.rows?.length)
    const cursor = rows.cursor()
    const { literals } = lex(text)
    for (let row = 0; row < rows.count; row++) {
      const refs = insert?.rows?.[cursor.goTo(row)] ?? []
      const found = refs.map((ref) => {
        if (ref === null) return null
        const { kind, index, negative, type, array } = ref
        const literal = kind === 'parameter' ? null : cursor.literal(index)
        if (literal !== null)
          expect(cursor.integer(index)).toBe(literal.kind === 'integer' ? Number(literal.written) : null)
        return {
          value: literal ?? cursor.parameter(index),
          ...{ negative, type, array },
        }
      })
      const said = wanted?.rows?.[row]?.map((ref) => {
        if (ref === null) return null
        const span = ref.kind === 'literal' ? literals[ref.index] : undefined
        const { index, negative, type, array } = ref
        return {
          value: span === undefined ? index : { kind: span.kind, written: text.slice(span.start, span.end) },
          ...{ negative, type, array },
        }
      })
      expect(found, text).toEqual(said)
    }
  }
  expect(folded).toBeGreaterThan(70)
})

test('rows that are cut out mean what they mean where the statement is taken apart', () => {
  const random = seeded(7)
  let cut = 0
  for (let round = 0; round < 100; round++) {
    const text = insertOf(random)
    const rows = readValueRows(text, OPTIONS)
    if (rows === null) continue
    cut++
    const wanted = Array.from({ length: rows.count }, (_, row) => row).filter(() => random(3) === 0)
    if (wanted.length === 0) continue
    const part = rows.with(wanted, null)
    const apart = splitInsert(text)?.with(wanted)
    expect(meaningOf(part.text), text).toEqual(meaningOf(apart?.text ?? ''))
    expect(part.parameters, text).toEqual(apart?.parameters)
  }
  expect(cut).toBeGreaterThan(70)
})

/** The shape without blanks, and the literals. */
function meaningOf(text: string): unknown {
  const { shape, literals } = lex(text)
  return {
    shape: shape.replaceAll(' ', ''),
    literals: literals.map(({ start, end }) => text.slice(start, end)),
  }
}

test('columns are named where none are', () => {
  const text = `insert into t values ${'(1, 2), '.repeat(200)}(3, 4) returning *`
  const rows = readValueRows(text, OPTIONS)
  expect(rows?.named(['a', 'b"$&'])).toBe(text.replace(' values', () => ' ("a", "b""$&") values'))
  expect(rows?.with([200], ['a', 'b'])).toEqual({
    text: 'insert into t ("a", "b") values (3, 4) returning *',
    parameters: [],
  })
  const noted = `insert into t -- all\n/* values */ values ${'(1, 2), '.repeat(200)}(3, 4)`
  expect(readValueRows(noted, OPTIONS)?.with([200], ['a', 'b']).text).toBe(
    'insert into t ("a", "b") -- all\n/* values */ values (3, 4)',
  )
  const named = `insert into t (x, y) values ${'(1, 2), '.repeat(200)}(3, 4)`
  expect(readValueRows(named, OPTIONS)?.with([200], ['a', 'b']).text).toBe(
    'insert into t (x, y) values (3, 4)',
  )
})

test.each([
  ['a literal behind the rows', ' on conflict do update set a = 5'],
  ['another statement', '; select 1'],
  ['another INSERT', '; insert into t values (1)'],
  ['a call', ', (now())'],
  ['a subquery', ', ((select 1))'],
  ['an expression', ', (1 + 1)'],
  ['a name', ', (a)'],
  ['a comment in a comment', ', (1 /* /* ) */ ) */)'],
  ['a comment that does not end', ', (1 /* )'],
  ['a string that goes on on the next line', `, ('a'\n'b')`],
  ['a dollar string that does not end', ', ($a$)$A$)'],
  ['an escape of another sign', `, (U&'!0061' uescape '!')`],
  ['a number of another base', ', (0x1F)'],
  ['a number too large for its form', ', (1_000)'],
  ['half of a character', `, ('\ud800')`],
  ['a NUL', `, ('\0')`],
  ['a row that does not end', ', (1'],
  ['a string that does not end', `, ('1`],
  ['a comma at the end', ','],
])('with %s it is read as it is', (_, tail) => {
  const text = `insert into t values ${'(1), '.repeat(300)}(2)${tail}`
  const { facts, rows } = new StatementReader().factsOf(text)
  expect(rows).toBeNull()
  expect(facts).toEqual(readFacts(text))
})

test('what begins like a comment is one, and no negative number', () => {
  const text = `insert into t values ${'(- 1), '.repeat(300)}(---5\n1), (- --5\n1), (-/**/2)`
  const rows = readValueRows(text, OPTIONS)
  expect(rows?.lexed.shape).toBe('insert into t values ( 1), (- 1)')
  expect(rows?.with([300, 301, 302], null).text).toBe('insert into t values (---5\n1),(- --5\n1),(-/**/2)')
})

test.each([
  'insert into t select * from (values (1)) x',
  'insert into t as x values ',
  'insert into t overriding system value values ',
  'with x as (select 1) insert into t values ',
  'insert into "t t" values ',
])('%s is read as it is', (head) => {
  expect(readValueRows(`${head}${'(1), '.repeat(300)}(2)`, OPTIONS)).toBeNull()
})

test('values of millions of quotes are read as they are', () => {
  const text = `insert into t values (1, '${"''".repeat(8_000_000)}'), (2, '')`
  const { facts, rows } = new StatementReader().factsOf(text)
  expect(rows).toBeNull()
  expect(facts.understood).toBe(true)
})

test('where a setting says what a backslash means, what has one is read as it is', () => {
  const text = `insert into t values ${"('a'), ".repeat(300)}('\\')`
  expect(readValueRows(text, { backslashQuotes: true })).toBeNull()
  expect(readValueRows(text, { backslashQuotes: false })?.count).toBe(301)
})

test('rows of different lengths are as wrong as they were', () => {
  const text = `insert into t values ${'(1), '.repeat(300)}(2, 3), (2, 4)`
  const { facts } = new StatementReader().factsOf(text)
  expect(facts.understood).toBe(readFacts(text).understood)
})

test('thousands of rows are parsed once, however many there are', () => {
  const reader = new StatementReader()
  const values = (count: number): string =>
    Array.from({ length: count }, (_, id) => `(${id}, 'user 😀 ${id}')`).join(', ')
  for (const count of [1000, 1001, 10_000, 30_000, 100_000]) {
    const { facts, rows } = reader.factsOf(`insert into users values ${values(count)}`)
    expect(rows?.count).toBe(count)
    const cursor = rows?.cursor()
    const ref = facts.inserts[0]?.rows?.[cursor?.goTo(count - 1) ?? -1]?.[0]
    expect(cursor?.literal(ref?.index ?? -1)).toEqual({ kind: 'integer', written: String(count - 1) })
  }
  expect(reader.stats.parsed).toBe(1)
})

test('the order of the forms is no other statement', () => {
  const reader = new StatementReader()
  const forms = ['(1, null)', '(1, 2)', "(-1, 'x')"]
  for (let first = 0; first < 3; first++)
    reader.factsOf(
      `insert into t values ${Array.from({ length: 200 }, (_, at) => forms[(at + first) % 3]).join()}`,
    )
  expect(reader.stats.parsed).toBe(1)
})

test('as many parameters as PostgreSQL takes are read', () => {
  const values = Array.from(
    { length: 16_383 },
    (_, row) => `($${4 * row + 1},$${4 * row + 2},$${4 * row + 3},$${4 * row + 4})`,
  )
  const text = `insert into t values ${values.join(',')} on conflict (a) do update set b = $65533`
  const { facts, rows } = new StatementReader().factsOf(text)
  expect(facts.understood).toBe(true)
  expect(rows?.maxParameter).toBe(65_533)
  const cursor = rows?.cursor()
  const ref = facts.inserts[0]?.rows?.[cursor?.goTo(16_382) ?? -1]?.[0]
  expect(ref).toMatchObject({ kind: 'parameter' })
  expect(cursor?.parameter(ref?.index ?? 0)).toBe(65_529)
  expect(rows?.with([16_382, 0], null)).toEqual({
    text: 'insert into t values ($1,$2,$3,$4),($5,$6,$7,$8) on conflict (a) do update set b = $9',
    parameters: [65_529, 65_530, 65_531, 65_532, 1, 2, 3, 4, 65_533],
  })
})

test('a dollar sign in a comment or a name is no parameter', () => {
  const tail = ' on conflict (a) do update set "b$9" = $1, c$8 = $2 -- costs $7\n returning "x""$6"'
  const rows = readValueRows(`insert into t values ${'($1, 2), '.repeat(200)}($3, 4)${tail}`, OPTIONS)
  expect(rows?.maxParameter).toBe(3)
  expect(rows?.with([200], null)).toEqual({
    text: 'insert into t values ($1, 4) on conflict (a) do update set "b$9" = $2, c$8 = $3 returning "x""$6"',
    parameters: [3, 1, 2],
  })
})

test('a few rows of each of many forms are read as they are', () => {
  const texts = Array.from(
    { length: 64 },
    (_, row) => `(${Array.from({ length: 6 }, (_, at) => ((row >> at) & 1 ? 'null' : '1')).join()})`,
  )
  expect(readValueRows(`insert into t values ${texts.join()}`, OPTIONS)).toBeNull()
  expect(readValueRows(`insert into t values ${[...texts, ...texts].join()}`, OPTIONS)?.count).toBe(128)
})
