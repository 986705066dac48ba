import { beforeAll, beforeEach, expect, test } from 'vitest'
import { isParserReady, loadParser, StatementReader } from '../../src/sql/index.js'

beforeAll(loadParser)
beforeEach(loadParser)

/** So deep that the parser's stack overflows, by way of the tree and not of the grammar. */
const tooDeep = (levels: number): string => `select 1${' + 1'.repeat(levels)}`

test('a text seen before is not looked at again, and one with other literals is not parsed again', () => {
  const reader = new StatementReader()
  const first = reader.factsOf('select from t where a = $1 limit 1')
  expect(reader.factsOf('select from t where a = $1 limit 1')).toBe(first)
  const other = reader.factsOf('select /* x */ from t\nwhere a = $1 limit 22')
  expect(other.facts).toBe(first.facts)
  expect(other.literals).toEqual([{ kind: 'integer', start: 41, end: 43 }])
  expect(reader.stats).toMatchObject({ textHits: 1, shapeHits: 1, parsed: 1, texts: 2, shapes: 1 })
})

test('texts with their values written into them are remembered by shape only', () => {
  const reader = new StatementReader()
  for (let round = 0; round < 100; round++) reader.factsOf(`select from t where a = ${round}`)
  expect(reader.stats).toMatchObject({ texts: 0, shapes: 1, parsed: 1, shapeHits: 99 })
})

test('its memory is bounded, and what is asked for stays', () => {
  const reader = new StatementReader({ maxCacheBytes: 100_000 })
  for (let round = 0; round < 2000; round++) {
    reader.factsOf(`select c${round} from t where a = $1`)
    reader.factsOf('select from favourite')
    const { textBytes, shapeBytes } = reader.stats
    expect(textBytes).toBeLessThanOrEqual(100_000)
    expect(shapeBytes).toBeLessThanOrEqual(100_000)
  }
  expect(reader.stats).toMatchObject({ textHits: 1999, parsed: 2001 })
  expect(reader.stats.shapes).toBeGreaterThan(20)
})

test('a long text is remembered by its shape only', () => {
  const reader = new StatementReader({ maxCachedTextLength: 100 })
  const text = `select $1, '${'x'.repeat(200)}'`
  reader.factsOf(text)
  reader.factsOf(text)
  expect(reader.stats).toMatchObject({ texts: 0, shapes: 1, shapeHits: 1 })
})

test('five megabytes of a string are no more to the parser than one character', () => {
  const { facts } = new StatementReader().factsOf(`select '${'x'.repeat(5_000_000)}' from t`)
  expect(facts).toMatchObject({ understood: true, kind: 'read' })
})

test('five megabytes of a list are given up, soon', () => {
  const { facts } = new StatementReader().factsOf(`select 1${',1'.repeat(2_500_000)}`)
  expect(facts).toMatchObject({ understood: false, why: 'it is too long to be read' })
})

test.each<[string, string]>([
  ['20,000 parentheses', `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
  ['2,000 subqueries', `select ${'(select '.repeat(2000)}1${')'.repeat(2000)}`],
  ['20,000 NOTs', `select ${'not '.repeat(15_000)}true`],
  ['600 additions', tooDeep(600)],
  ['15,000 additions', tooDeep(15_000)],
])('%s are not understood, and the next statement is', async (_, text) => {
  const reader = new StatementReader()
  expect(reader.factsOf(text).facts.understood).toBe(false)
  await loadParser()
  expect(reader.factsOf('select 1 from t').facts.understood).toBe(true)
})

test('right after a crash statements are not understood for a moment, which is not remembered', async () => {
  const reader = new StatementReader()
  const text = tooDeep(15_000)
  expect(reader.factsOf(text).facts.why).toBe('nested too deeply')
  expect(isParserReady()).toBe(false)
  expect(reader.factsOf('select 1 from t').facts).toMatchObject({ understood: false, writes: true })
  await loadParser()
  expect(reader.factsOf('select 1 from t').facts.understood).toBe(true)
  // The text that crashed it is remembered: it does so once only.
  expect(reader.factsOf(text).facts.understood).toBe(false)
  expect(isParserReady()).toBe(true)
})

test('many crashes leave the parser sound', async () => {
  const reader = new StatementReader()
  for (let round = 0; round < 20; round++) {
    reader.factsOf(tooDeep(10_000 + round))
    await loadParser()
  }
  expect(reader.factsOf('select a from t where b = 1').facts.equalities).toHaveLength(1)
})

test('where a setting may make backslashes escapes, plain strings with one are not understood', () => {
  const reader = new StatementReader({ backslashQuotes: true })
  expect(reader.factsOf("select '\\'").facts.understood).toBe(false)
  expect(reader.factsOf("select E'\\''").facts.understood).toBe(true)
})
