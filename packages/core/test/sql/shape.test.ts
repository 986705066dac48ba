import { beforeAll, expect, test } from 'vitest'
import { lexStatement, loadParser, readFacts } from '../../src/sql/index.js'
import { RandomSql } from './random-sql.js'

beforeAll(loadParser)

const lex = (text: string) => lexStatement(text, { backslashQuotes: false })
const SEEDS = [1, 2, 3, 4]

test.each(SEEDS)('seed %i: a shape is its own shape, with its literals in the same order', (seed) => {
  const random = new RandomSql(seed)
  for (let round = 0; round < 5000; round++) {
    const text = random.soup(10)
    const { shape, literals, ambiguous } = lex(text)
    if (ambiguous !== null) continue
    const again = lex(shape)
    expect(again.shape, JSON.stringify(text)).toBe(shape)
    expect(
      again.literals.map((literal) => literal.kind),
      JSON.stringify(text),
    ).toEqual(literals.map((literal) => literal.kind))
  }
})

test.each(SEEDS)(
  'seed %i: texts that differ in literals and comments only have one shape and the same facts',
  (seed) => {
    const random = new RandomSql(seed)
    for (let round = 0; round < 300; round++) {
      const [one, other] = random.twins()
      const message = `${one}\n---\n${other}`
      expect(squeeze(lex(one).shape), message).toBe(squeeze(lex(other).shape))
      const facts = readFacts(one)
      expect(facts.why, message).toBeNull()
      expect(facts, message).toEqual(readFacts(other))
    }
  },
)

test.each(SEEDS)('seed %i: nothing inside a string or a comment becomes SQL', (seed) => {
  const random = new RandomSql(seed)
  const marked = (open: string, close: string): string => `${open} drop ${close}`
  for (let round = 0; round < 3000; round++) {
    const hidden = random.pick([
      marked("'", "'"),
      marked("E'\\'", "'"),
      marked('$$', '$$'),
      marked("$q$ $$ '", '$q$'),
      marked('/* /* */', '*/'),
      marked('-- ', '\n'),
      marked("'''", "'''"),
      marked('-- /*', '\r'),
      marked("U&'", "'"),
      marked("'a'\n'", "'"),
    ])
    const text = `select 1 ${hidden} ${random.pick(['', "'a'", '/* */', '-- x'])} `
    expect(lex(text).ambiguous, JSON.stringify(text)).toBeNull()
    expect(lex(text).shape, JSON.stringify(text)).not.toContain('drop')
  }
})

/** Where a text has space and its twin has none, they differ, and may. */
function squeeze(shape: string): string {
  return shape.replaceAll(' ', '')
}
