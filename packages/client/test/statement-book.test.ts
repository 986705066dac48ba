import { loadParser, readCatalogue, StatementReader } from '@pgherd/core/sql'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { StatementBook } from '../src/statement-book.js'

let book: StatementBook

beforeAll(loadParser)

beforeEach(() => {
  book = new StatementBook(new StatementReader({ maxCachedTextLength: 0 }), 'main')
  book.useCatalogue(readCatalogue([]))
})

test('a text that comes again is found', () => {
  const first = book.look('select 1')
  expect(book.look('select 1')).toBe(first)
  expect(first.facts.kind).toBe('read')
})

test('texts that never come again are soon not kept', () => {
  for (let at = 0; at < 2000; at++) book.look(`select a from b where id = ${at}`)
  expect(book.counts.texts).toBeLessThan(400)
})

test('texts that never come again do not push out one that does', () => {
  const often = book.look('select a from b where c = $1')
  for (let at = 0; at < 100_000; at++) {
    expect(book.look(`select a from b where id = ${at}`).facts.kind).toBe('read')
    if (at % 1000 === 0) expect(book.look('select a from b where c = $1')).toBe(often)
  }
  expect(book.look('select a from b where id = 7').shape).toBe(
    book.look('select a from b where id = 8').shape,
  )
})

test('a shape whose texts begin to come again has them kept again', () => {
  for (let at = 0; at < 10_000; at++) book.look(`select a from b where id = ${at}`)
  for (let round = 0; round < 100; round++)
    for (let at = 0; at < 50; at++) book.look(`select a from b where id = ${-at - 1}`)
  const found = Array.from({ length: 50 }, (_, at) => book.look(`select a from b where id = ${-at - 1}`))
  for (const [at, record] of found.entries())
    expect(book.look(`select a from b where id = ${-at - 1}`)).toBe(record)
})
