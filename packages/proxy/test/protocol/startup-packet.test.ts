import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { ProtocolViolation } from '../../src/protocol/protocol-violation.js'
import { readStartup, startupLength } from '../../src/protocol/startup-packet.js'
import { startupPacket } from '../raw-client.js'

const packet = (...words: (number | string)[]): Buffer => {
  const body = Buffer.concat(
    words.map((word) => {
      if (typeof word === 'string') return Buffer.from(word)
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(word)
      return bytes
    }),
  )
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([length, body])
}

test('a startup packet says the version and the parameters', () => {
  const bytes = startupPacket({ user: 'zoë', database: 'app', options: '-c work_mem=1MB', empty: '' }, 3, 2)
  expect(startupLength(bytes)).toBe(bytes.length)
  expect(readStartup(bytes)).toEqual({
    kind: 'startup',
    major: 3,
    minor: 2,
    parameters: new Map([
      ['user', 'zoë'],
      ['database', 'app'],
      ['options', '-c work_mem=1MB'],
      ['empty', ''],
    ]),
  })
})

test('requests for encryption and for cancelling are known by their codes', () => {
  expect(readStartup(packet(80877103))).toEqual({ kind: 'ssl' })
  expect(readStartup(packet(80877104))).toEqual({ kind: 'gss' })
  expect(readStartup(packet(80877102, 77, 'key!'))).toEqual({
    kind: 'cancel',
    processId: 77,
    secretKey: Buffer.from('key!'),
  })
  const longKey = 'k'.repeat(256)
  expect(readStartup(packet(80877102, 77, longKey))).toMatchObject({ secretKey: Buffer.from(longKey) })
})

test('a cancel request without a key, or with one that is too long, is refused', () => {
  expect(() => readStartup(packet(80877102))).toThrow(ProtocolViolation)
  expect(() => readStartup(packet(80877102, 77))).toThrow('invalid length of query cancel packet')
  expect(() => readStartup(packet(80877102, 77, 'k'.repeat(257)))).toThrow(
    'invalid length of query cancel packet',
  )
})

test.each([0, 7, -1, 10_005, 0x7fffffff])('a length of %d is refused', (length) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  expect(() => startupLength(bytes)).toThrow('invalid length of startup packet')
})

test('a length is waited for', () => {
  expect(startupLength(Buffer.from([0, 0, 0]))).toBeNull()
})

test.each([
  ['no terminator', packet(3 << 16, 'user\0me\0')],
  ['a name without value', packet(3 << 16, 'user\0')],
  ['a value that does not end', packet(3 << 16, 'user\0me')],
  ['more after the terminator', packet(3 << 16, 'user\0me\0\0x')],
  ['nothing at all', packet(3 << 16)],
])('a layout with %s is refused', (_name, bytes) => {
  expect(() => readStartup(bytes)).toThrow('invalid startup packet layout: expected terminator as last byte')
})

test('whatever a packet has in it, it is read or refused', () => {
  for (let seed = 0; seed < 5000; seed++) {
    const random = new Random(seed)
    const bytes = startupPacket(
      { user: 'me', database: 'app' },
      random.pick([2, 3, 1234]),
      random.between(0, 6000),
    )
    for (let change = random.between(0, 6); change > 0; change--)
      bytes[random.between(4, bytes.length - 1)] = random.between(0, 255)
    try {
      readStartup(bytes.subarray(0, random.between(8, bytes.length)))
    } catch (error) {
      expect(error, `seed ${seed}`).toBeInstanceOf(ProtocolViolation)
    }
  }
})
