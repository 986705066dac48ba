import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import {
  FROM_CLIENT,
  frame,
  makeParse,
  makeQuery,
  readBind,
  readParse,
  readQuery,
  readTarget,
  renameBind,
} from '../../src/protocol/client-messages.js'
import { ProtocolViolation } from '../../src/protocol/protocol-violation.js'
import { bind, close, describe, execute, parse } from '../raw-client.js'

test('what is written is read back', () => {
  expect(readQuery(makeQuery('select ’1’'))).toBe('select ’1’')
  expect(readQuery(makeQuery(''))).toBe('')
  const { name, text, types } = readParse(parse('a', 'select $1', [23, 25]))
  expect([name, text, types.toString('hex')]).toEqual(['a', 'select $1', '00020000001700000019'])
  expect(readTarget(describe('S', 'a'))).toEqual({ kind: 'S', name: 'a' })
  expect(readTarget(close('P', ''))).toEqual({ kind: 'P', name: '' })
  const message = bind('a', ['1', null, Buffer.from([0, 255])], { portal: 'p', resultFormat: 1 })
  const { portal, statement, rest } = readBind(message)
  expect([portal, statement]).toEqual(['p', 'a'])
  expect(renameBind(message, portal, statement, rest)).toEqual(message)
})

test('a Bind under another name keeps everything that follows the names', () => {
  const message = bind('a', ['one', null], { portal: 'p' })
  const renamed = renameBind(message, 'p', 'another', readBind(message).rest)
  expect(renamed).toEqual(bind('another', ['one', null], { portal: 'p' }))
})

const message = (type: number, body: string): Buffer => frame(type, [Buffer.from(body, 'latin1')])

test.each([
  ['a Query that does not end', () => readQuery(message(FROM_CLIENT.query, 'select 1'))],
  ['a Query with more behind it', () => readQuery(message(FROM_CLIENT.query, 'select 1\0x'))],
  ['an empty Query', () => readQuery(message(FROM_CLIENT.query, ''))],
  ['a Parse without text', () => readParse(message(FROM_CLIENT.parse, 'a\0'))],
  ['a Parse without types', () => readParse(message(FROM_CLIENT.parse, 'a\0select 1\0'))],
  [
    'a Parse with too few types',
    () => readParse(message(FROM_CLIENT.parse, 'a\0select 1\0\0\x02\0\0\0\x17')),
  ],
  ['a Parse with too many types', () => readParse(message(FROM_CLIENT.parse, 'a\0select 1\0\0\0\0\0\0\x17'))],
  ['a Bind without names', () => readBind(message(FROM_CLIENT.bind, 'p'))],
  ['a Describe of nothing', () => readTarget(message(FROM_CLIENT.describe, ''))],
  ['a Describe of something else', () => readTarget(message(FROM_CLIENT.describe, 'Xa\0'))],
  ['a Close that does not end', () => readTarget(message(FROM_CLIENT.close, 'Sa'))],
  ['a Close with more behind it', () => readTarget(message(FROM_CLIENT.close, 'Sa\0b'))],
])('%s is a violation of the protocol', (_name, read) => {
  expect(read).toThrow(ProtocolViolation)
})

test('whatever a message has in it, it is read or refused', () => {
  const readers = [readQuery, readParse, readBind, readTarget]
  const whole = [
    makeQuery('select 1'),
    parse('a', 'select $1', [23]),
    bind('a', ['1']),
    describe('S', 'a'),
    execute(),
  ]
  for (let seed = 0; seed < 5000; seed++) {
    const random = new Random(seed)
    const bytes = Buffer.from(random.pick(whole))
    for (let change = random.between(0, 4); change > 0; change--)
      bytes[random.between(1, bytes.length - 1)] = random.between(0, 255)
    const cut = bytes.subarray(0, random.between(5, bytes.length))
    for (const read of readers) {
      try {
        read(cut)
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(ProtocolViolation)
      }
    }
  }
})

test('types are read as they are written, whatever the text', () => {
  expect(readParse(makeParse('', 'select 1', Buffer.from([0, 0]))).types).toEqual(Buffer.from([0, 0]))
})
