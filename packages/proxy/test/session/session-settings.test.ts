import { StatementBook, type StatementRecord } from '@pgherd/client/internal'
import { loadParser, readCatalogue, StatementReader } from '@pgherd/core/sql'
import { beforeAll, expect, test } from 'vitest'
import { SessionSettings, settingChange } from '../../src/session/session-settings.js'

let book: StatementBook

beforeAll(async () => {
  await loadParser()
  book = new StatementBook(new StatementReader(), 'main')
  book.useCatalogue(readCatalogue([]))
})

const record = (text: string): StatementRecord => book.look(text)
const change = (text: string) => settingChange(record(text))

test.each([
  ['set work_mem = 4096', 'work_mem', 'set work_mem = 4096'],
  [' SET SESSION DateStyle TO German, DMY ; ', 'datestyle', 'SET SESSION DateStyle TO German, DMY'],
  ['set search_path=a,"B c", public', 'search_path', 'set search_path=a,"B c", public'],
  ["set time  zone 'UTC'", 'timezone', "set time  zone 'UTC'"],
  ['set search_path to local', 'search_path', 'set search_path to local'],
  [
    "set time zone interval '+02:00' hour to minute",
    'timezone',
    "set time zone interval '+02:00' hour to minute",
  ],
])('%s is said again', (text, name, said) => {
  expect(change(text)).toEqual({ kind: 'set', name, text: said })
})

test.each([
  ['reset work_mem', 'work_mem'],
  ['reset time zone', 'timezone'],
  ['set time zone local', 'timezone'],
  ['set work_mem to default', 'work_mem'],
])('%s takes it back', (text, name) => {
  expect(change(text)).toEqual({ kind: 'reset', name })
})

test('reset all takes all back', () => {
  expect(change('Reset ALL;')).toEqual({ kind: 'reset all' })
})

test.each([
  'set local work_mem = 4096',
  "set my.own = 'x'",
  'set role reader',
  "set datestyle = 'ISO'",
  "set default_text_search_config = 'mine'",
  'set session authorization reader',
  "set client_encoding = 'LATIN1'",
  "set names 'LATIN1'",
  'set standard_conforming_strings = off',
  'set default_transaction_isolation = serializable',
  'set transaction read only',
  'set session characteristics as transaction read only',
  'set work_mem = 4096; select 1',
  'set work_mem = /* so much */ 4096',
  'reset role',
  'reset my.own',
  'select 1',
  'discard all',
  `set search_path = ${'a, '.repeat(400)}b`,
])('%s is not said again', (text) => {
  expect(change(text)).toBeNull()
})

function after(start: SessionSettings, ...texts: string[]): SessionSettings {
  return texts.reduce((settings, text) => {
    const made = change(text)
    return made === null ? settings : settings.after(made, start)
  }, start)
}

test('the same settings are the same, in whatever order they were made', () => {
  const one = after(SessionSettings.NONE, 'set work_mem = 64', 'set jit = off')
  const other = after(SessionSettings.NONE, 'set jit = on', 'set work_mem = 64', 'set jit = off')
  expect(one.key).toBe(other.key)
  expect(one.stepsTo(other)).toBe('')
  expect(after(one, 'reset all').key).toBe(one.key)
  expect(after(SessionSettings.NONE, 'set jit = on', 'reset jit').key).toBe(SessionSettings.NONE.key)
})

test('steps lead from any settings to any others', () => {
  const one = after(SessionSettings.NONE, 'set work_mem = 64', 'set jit = off')
  const other = after(SessionSettings.NONE, 'set work_mem = 128;', "set timezone = 'UTC'")
  expect(one.stepsTo(other)).toBe("reset jit; set work_mem = 128; set timezone = 'UTC'")
  expect(other.stepsTo(SessionSettings.NONE)).toBe('reset work_mem; reset timezone')
})

test('a name is taken back to what the client said at its login, whatever is in it', () => {
  const start = SessionSettings.named("O'Neil\\'s; drop")
  const renamed = after(start, "set application_name = 'x'")
  expect(renamed.stepsTo(start)).toBe("set application_name = E'O''Neil\\\\''s; drop'")
  expect(start.after({ kind: 'reset', name: 'application_name' }, start).key).toBe(start.key)
})

test('who differs only in what no answer shows shares connections', () => {
  const plain = SessionSettings.NONE
  const named = after(SessionSettings.named('web'), 'set statement_timeout = 5000')
  expect(named.answerKey).toBe(plain.answerKey)
  expect(named.stepsForAnswers).toBe('')
  expect(after(named, "set timezone = 'UTC'").stepsForAnswers).toBe("set timezone = 'UTC'")
})
