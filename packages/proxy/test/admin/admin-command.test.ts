import { expect, test } from 'vitest'
import { AdminSyntaxError, HELP, parseAdminCommands, SHOWN } from '../../src/admin/admin-command.js'

test.each([
  ['show clients', [{ kind: 'SHOW', what: 'CLIENTS' }]],
  [' SHOW Pools ; ', [{ kind: 'SHOW', what: 'POOLS' }]],
  ['pause', [{ kind: 'PAUSE', database: null }]],
  ['PAUSE Shop', [{ kind: 'PAUSE', database: 'shop' }]],
  ['PAUSE "My ""Shop"""', [{ kind: 'PAUSE', database: 'My "Shop"' }]],
  ["resume 'shop'", [{ kind: 'RESUME', database: 'shop' }]],
  ['RECONNECT shop; reload', [{ kind: 'RECONNECT', database: 'shop' }, { kind: 'RELOAD' }]],
  ['kill 17 -- the slow one', [{ kind: 'KILL', client: 17 }]],
  ['/* at night */ SHUTDOWN', [{ kind: 'SHUTDOWN' }]],
  ["SET client_encoding TO 'UTF8'", [{ kind: 'SET' }]],
  ['', []],
  [' ; ;', []],
])('%j is read', (text, commands) => {
  expect(parseAdminCommands(text)).toEqual(commands)
})

test.each([
  ['select 1', 'syntax error at or near "select"'],
  ['SHOW', 'syntax error at end of input'],
  ['SHOW tables', 'syntax error at or near "tables"'],
  ['SHOW CLIENTS now', 'syntax error at or near "now"'],
  ['PAUSE a b', 'syntax error at or near "b"'],
  ['PAUSE *', 'syntax error at or near "*"'],
  ['KILL', 'syntax error at end of input'],
  ['KILL all', 'syntax error at or near "all"'],
  ['RELOAD now', 'syntax error at or near "now"'],
  ['"SHOW" CLIENTS', 'syntax error at or near ""SHOW""'],
  ['PAUSE; nonsense', 'syntax error at or near "nonsense"'],
])('I9: %j is refused as PostgreSQL would', (text, message) => {
  const refused = (): unknown => parseAdminCommands(text)
  expect(refused).toThrow(AdminSyntaxError)
  expect(refused).toThrow(message)
})

test('HELP names every command that is read, and only those', () => {
  for (const [command] of HELP)
    expect(
      parseAdminCommands(command.replace(/ \[.*| <.*/, (rest) => (rest.includes('id') ? ' 1' : ''))),
    ).toHaveLength(1)
  expect(HELP.flatMap(([command]) => (command.startsWith('SHOW ') ? [command.slice(5)] : []))).toEqual(SHOWN)
})
