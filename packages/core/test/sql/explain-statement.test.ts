import { expect, test } from 'vitest'
import { readExplain } from '../../src/sql/index.js'

test.each([
  ['explain select 1', 'explain ', 'select 1'],
  ["EXPLAIN ANALYZE VERBOSE select $2, 'x'", 'EXPLAIN ANALYZE VERBOSE ', "select $2, 'x'"],
  ['explain (costs off, analyze) select 1', 'explain (costs off, analyze)', ' select 1'],
  ['explain (format text) select 1', 'explain (format text)', ' select 1'],
])('%s', (text, prefix, query) => {
  expect(readExplain(text)).toEqual({ prefix, query })
})

test.each([
  'select 1',
  'explain (format json) select 1',
  'explain (analyze, format xml) select 1',
  'explain (select 1)',
  'explain ((select 1) union (select 2))',
  'explain (costs off',
])('nothing is read of %s', (text) => {
  expect(readExplain(text)).toBeNull()
})
