import { expect, test } from 'vitest'
import { makeError, PARSE_COMPLETE } from '../../src/protocol/server-messages.js'
import { encodeRequests, type Request, withClientNames } from '../../src/session/batch.js'
import { StatementMap } from '../../src/session/statement-map.js'
import { StatementNames, type VirtualStatement } from '../../src/session/virtual-statement.js'
import { bind, close, describe, execute, parse, readable } from '../raw-client.js'

/** A client and what it says. */
function client(names = new StatementNames()) {
  const map = new StatementMap(names)
  return (...messages: Buffer[]): Request[] =>
    messages.map((message) => {
      switch (String.fromCharCode(message[0] as number)) {
        case 'P':
          return map.readParse(message)
        case 'B':
          return map.readBind(message)
        case 'D':
          return map.readDescribe(message)
        case 'C':
          return map.readClose(message)
        default:
          return { kind: 'portal', message, step: 'execute' }
      }
    })
}

const NONE: ReadonlySet<VirtualStatement> = new Set()
const WITH_SYNC = { sync: true, failed: false }

function sent(requests: Request[], prepared: ReadonlySet<VirtualStatement> = NONE, failed = false): string[] {
  return brief(encodeRequests(requests, prepared, { sync: true, failed }).parts)
}

/** Each message as its type and the first two strings in it. */
function brief(parts: readonly Buffer[]): string[] {
  return readable(parts).map((part) => part.split('|').slice(0, 2).join('|'))
}

test('a statement has one name on servers, whoever prepares it under which', () => {
  const names = new StatementNames()
  const [one, other] = [client(names), client(names)]
  expect(sent(one(parse('a', 'select 1'), bind('a'), execute()))).toEqual([
    'P pgherd_1|select 1',
    'B |pgherd_1',
    'E |',
    'S ',
  ])
  expect(sent(other(parse('b', 'select 1'), bind('b')))[0]).toBe('P pgherd_1|select 1')
  expect(sent(other(parse('c', 'select 1', [23])))[0]).toBe('P pgherd_2|select 1')
})

test('what the connection has is not prepared again, and the client hears that it is', () => {
  const say = client()
  const first = encodeRequests(say(parse('a', 'select 1')), NONE, WITH_SYNC)
  const prepared = new Set(first.prepares)
  const again = encodeRequests(say(parse('b', 'select 1'), bind('b'), execute()), prepared, WITH_SYNC)
  expect(readable(again.parts).map((part) => part[0])).toEqual(['B', 'E', 'S'])
  expect(again.prepares).toEqual([])
  expect(again.script.due()).toEqual([PARSE_COMPLETE])
})

test('a statement that was prepared elsewhere is prepared before it is used, once', () => {
  const say = client()
  say(parse('a', 'select 1'))
  const requests = say(describe('S', 'a'), bind('a'), execute(), bind('a'), execute())
  expect(sent(requests).map((part) => part[0])).toEqual(['P', 'D', 'B', 'E', 'B', 'E', 'S'])
})

test('a text without a name that comes for the first time leaves no name on the server', () => {
  const say = client()
  const first = encodeRequests(say(parse('', 'select 1'), bind(''), execute()), NONE, WITH_SYNC)
  expect(brief(first.parts).slice(0, 2)).toEqual(['P |select 1', 'B |'])
  expect(first.prepares).toEqual([])
  const second = encodeRequests(say(parse('', 'select 1'), bind(''), execute()), NONE, WITH_SYNC)
  expect(brief(second.parts)[0]).toBe('P pgherd_1|select 1')
  expect(second.prepares).toHaveLength(1)
})

test('an unnamed statement that is replaced is found again by what was bound to which', () => {
  const say = client()
  const requests = say(parse('', 'select 1'), bind(''), execute(), parse('', 'select 2'), bind(''), execute())
  expect(sent(requests)).toEqual(['P |select 1', 'B |', 'E |', 'P |select 2', 'B |', 'E |', 'S '])
})

test('names that nobody has prepared go to the server, whose error it is', () => {
  const say = client()
  expect(sent(say(bind('a'), describe('S', 'b')))).toEqual(['B |a', 'D Sb|', 'S '])
})

test('a name that is taken is an error of the server, and the first statement stays', () => {
  const say = client()
  const prepared = new Set(encodeRequests(say(parse('a', 'select 1')), NONE, WITH_SYNC).prepares)
  const requests = say(parse('a', 'select 1'))
  expect(sent(requests, prepared)).toEqual(['P pgherd_1|select 1', 'S '])
})

test('a name that is taken by another text is an error too', () => {
  const say = client()
  const prepared = new Set(encodeRequests(say(parse('a', 'select 1')), NONE, WITH_SYNC).prepares)
  const parts = sent(say(parse('a', 'select 2')), prepared)
  // Twice under one name: the second is the client's, and fails.
  expect(parts).toEqual(['P pgherd_2|select 2', 'P pgherd_2|select 2', 'S '])
})

test('in a failed transaction the server says what it thinks of a Parse', () => {
  const say = client()
  const prepared = new Set(encodeRequests(say(parse('a', 'select 1')), NONE, WITH_SYNC).prepares)
  expect(sent(say(parse('b', 'select 1')), prepared, true)[0]).toBe('P pgherd_1|select 1')
})

test('Close is answered without the server: others use the statement', () => {
  const say = client()
  const prepared = new Set(encodeRequests(say(parse('a', 'select 1')), NONE, WITH_SYNC).prepares)
  expect(sent(say(close('S', 'a')), prepared)).toEqual(['S '])
  expect(sent(say(bind('a')), prepared)[0]).toBe('B |a')
})

test('errors name statements as the client does', () => {
  const say = client()
  const requests = say(parse('größe', 'select 1'), parse('größe', 'select 1'))
  const error = makeError({
    severity: 'ERROR',
    code: '42P05',
    message: 'prepared statement "pgherd_1" already exists',
  })
  const told = withClientNames(error, requests)
  expect(told).toEqual(
    makeError({ severity: 'ERROR', code: '42P05', message: 'prepared statement "größe" already exists' }),
  )
  const other = makeError({ severity: 'ERROR', code: '42P05', message: 'nothing of ours' })
  expect(withClientNames(other, requests)).toBe(other)
})

test('a text that is no UTF-8 goes to the server as it is; types may have any bytes', () => {
  const say = client()
  const bytes = parse('', "select 'x'")
  bytes[bytes.indexOf('x')] = 0xff
  expect(encodeRequests(say(bytes), NONE, WITH_SYNC).parts[0]).toEqual(bytes)
  expect(sent(say(parse('a', 'select $1', [0xfffffff0 | 0, 3802])))[0]).toBe('P pgherd_1|select $1')
})
