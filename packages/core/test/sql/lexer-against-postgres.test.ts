import { loadModule, type ScanToken, scanSync } from 'libpg-query'
import { beforeAll, expect, test } from 'vitest'
import { lexStatement } from '../../src/sql/index.js'
import { RandomSql } from './random-sql.js'

beforeAll(loadModule)

/** The scanner names some tokens only by what they look like. */
function isLiteral({ tokenName, text }: ScanToken): boolean {
  return /^(SCONST|ICONST|FCONST)$/.test(tokenName) || /^([xb]|u&)'/i.test(text)
}

/**
 * What PostgreSQL's own scanner takes for literals; null where it finds no tokens,
 * 'contents' where it minds what an escape says. In one thing it differs
 * from the server's: it hands out comments as tokens, so a `--` comment ends a string that it would not.
 */
function scanned(text: string): string[] | 'contents' | null {
  let tokens: ScanToken[]
  try {
    tokens = scanSync(text).tokens
  } catch (error) {
    return String(error).includes('"invalid Un') ? 'contents' : null
  }
  const spans: { start: number; end: number; isString: boolean }[] = []
  let behind: 'literal' | 'comment' | null = null
  for (const token of tokens) {
    const { start, end } = token
    const last = spans.at(-1)
    const carriesOn = behind === 'comment' && last?.isString && token.text.startsWith("'")
    if (isComment(token)) {
      if (behind !== null) behind = 'comment'
      continue
    }
    const isString = /^([xbne]|u&)?'/i.test(token.text)
    if (carriesOn && last !== undefined) last.end = end
    else if (isLiteral(token)) spans.push({ start, end, isString })
    behind = isLiteral(token) ? 'literal' : null
  }
  const bytes = new TextEncoder().encode(text)
  const decoder = new TextDecoder()
  return spans.map(({ start, end }) => `${start}: ${decoder.decode(bytes.slice(start, end)).trim()}`)
}

function isComment({ tokenName, text }: ScanToken): boolean {
  return tokenName === 'SQL_COMMENT' && text.startsWith('--')
}

function lexed(text: string): string[] | null {
  const { literals, ambiguous } = lexStatement(text, { backslashQuotes: false })
  if (ambiguous !== null) return null
  const byteAt = (at: number): number => new TextEncoder().encode(text.slice(0, at)).length
  return literals.map(({ kind, start, end }) => {
    // To the scanner the N of N'…' is a token of its own.
    const from = kind === 'national-string' ? start + 1 : start
    return `${byteAt(from)}: ${text.slice(from, end).trim()}`
  })
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i: what we take for literals, PostgreSQL does too', (seed) => {
  const random = new RandomSql(seed)
  let understood = 0
  for (let round = 0; round < 4000; round++) {
    const text = random.soup(9)
    const ours = lexed(text)
    if (ours === null) continue
    understood++
    const theirs = scanned(text)
    if (theirs !== 'contents') expect(theirs, JSON.stringify(text)).toEqual(ours)
  }
  expect(understood).toBeGreaterThan(1000)
})

/** Scanned by it all the same; the server's own scanner refuses some of these. */
const ODDITIES = [
  'UESCAPE',
  'a dollar sign on its own',
  'a dollar sign right behind a number',
  'letters right behind a parameter',
]

test.each([11, 12])(
  'seed %i: what PostgreSQL can scan we understand, but for UESCAPE and a lone dollar',
  (seed) => {
    const random = new RandomSql(seed)
    for (let round = 0; round < 4000; round++) {
      const text = random.soup(6)
      const { ambiguous } = lexStatement(text, { backslashQuotes: false })
      if (ambiguous === null || ODDITIES.includes(ambiguous)) continue
      expect(scanned(text), `${JSON.stringify(text)}: ${ambiguous}`).toBeNull()
    }
  },
)
