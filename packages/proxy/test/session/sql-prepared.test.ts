import { StatementBook, type StatementRecord } from '@pgherd/client/internal'
import { loadParser, readCatalogue, StatementReader } from '@pgherd/core/sql'
import { beforeAll, expect, test } from 'vitest'
import { executedName, preparedChange } from '../../src/session/sql-prepared.js'

let book: StatementBook

beforeAll(async () => {
  await loadParser()
  book = new StatementBook(new StatementReader(), 'main')
  book.useCatalogue(readCatalogue([]))
})

const record = (text: string): StatementRecord => book.look(text)

test.each([
  ['prepare p as select 1', 'p', 'select 1'],
  [
    ' PREPARE Mine(int, numeric(10,2)) AS\n insert into t values ($1, $2) ; ',
    'mine',
    'insert into t values ($1, $2)',
  ],
  ['prepare "A ""b"""as values (1)', 'A "b"', 'values (1)'],
  ['prepare "as"(text) as select $1 as "as"', 'as', 'select $1 as "as"'],
])('%s can be said again', (text, name, runs) => {
  const said = text.replace(/[\s;]+$/, '').trimStart()
  expect(preparedChange(record(text))).toEqual({ kind: 'prepare', name, statement: { text: said, runs } })
})

test.each([
  ['deallocate P;', { kind: 'deallocate', name: 'p' }],
  ['DEALLOCATE PREPARE "P"', { kind: 'deallocate', name: 'P' }],
  ['deallocate all', { kind: 'deallocate all' }],
  ['deallocate prepare ALL', { kind: 'deallocate all' }],
])('%s takes away', (text, change) => {
  expect(preparedChange(record(text))).toEqual(change)
})

test.each([
  'prepare pgherd_1 as select 1',
  'prepare p as select 1; select 2',
  'prepare p as select 1 -- comment',
  `prepare p as select '${'x'.repeat(5000)}'`,
  `prepare transaction 'x'`,
  'deallocate p; deallocate q',
  'select 1',
])('%s is not said again', (text) => {
  expect(preparedChange(record(text))).toBeNull()
})

test.each([
  ['execute p', 'p'],
  [`EXECUTE "P" (1, -2.5, 'x', NULL, true, $1) ;`, 'P'],
  ['execute p(1)', 'p'],
])('%s is known', (text, name) => {
  expect(executedName(record(text))).toBe(name)
})

test.each([
  'execute p(now())',
  `execute p('1'::mine)`,
  'execute p(1 + 1)',
  'execute p; select 1',
  'execute pgherd_2',
])('%s may run anything', (text) => {
  expect(executedName(record(text))).toBeNull()
})
