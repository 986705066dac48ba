import { expect, test } from 'vitest'
import {
  consistentHashMap,
  hashOf,
  KeyReader,
  type KeyType,
  type KeyValue,
  locateKey,
  locateRow,
  locateWireKey,
  moduloMap,
  positionOf,
  rangeMap,
  toBigInt,
} from '../../src/sharding/index.js'

const SHARDS = ['s1', 's2', 's3', 's4']
const RING = consistentHashMap(SHARDS, { virtualNodes: 64 })

test('equal numbers hash alike in every type that holds them', () => {
  for (const number of [0, 1, -1, 32_767, -32_768])
    expect(new Set((['int2', 'int4', 'int8'] as const).map((type) => hashOf(type, number))).size).toBe(1)
})

test.each<[KeyType, KeyValue]>([
  ['int2', 32_768],
  ['int2', -32_769n],
  ['int4', 2 ** 31],
  ['int4', '-2147483649'],
  ['int8', 2n ** 63n],
  ['int8', '9223372036854775808'],
  ['int8', 2 ** 53],
  ['int8', 1.5],
  ['int8', Number.NaN],
  ['int8', ''],
  ['int8', '7 8'],
  ['int8', '0x10'],
  ['int8', '1e3'],
  ['int8', null],
  ['int8', new Uint8Array(4)],
  ['int4', true as never],
  ['text', null],
  ['text', undefined as never],
  ['text', 'a\0b'],
  ['text', 'é\0b'],
  ['text', new Uint8Array([65, 0])],
  ['text', {} as never],
  ['uuid', 7],
  ['uuid', ''],
  ['uuid', '0123456789abcdef0123456789abcde'],
  ['uuid', '0123456789abcdef0123456789abcdef0'],
  ['uuid', '0123456789abcdef0123456789abcdeg'],
  ['uuid', '{0123456789abcdef0123456789abcdef'],
  ['uuid', '0123456789abcdef0123456789abcdef}'],
  ['uuid', '012-3456789abcdef0123456789abcdef'],
  ['uuid', '0123456789abcdef0123456789abcdef-'],
  ['uuid', new Uint8Array(15)],
])('I9: a %s key cannot be %o', (type, value) => {
  expect(() => locateKey(RING, type, value)).toThrow(
    expect.objectContaining({ code: 'SHARD_KEY_INVALID', message: expect.stringMatching(/^[^\n]+\.$/) }),
  )
})

test.each<[KeyType, KeyValue[]]>([
  ['int8', [7, 7n, '7', ' +7 ', '007', '\t7\n', Buffer.from('0000000000000007', 'hex')]],
  ['int8', [-1, -1n, '-1', -1.0]],
  ['int8', [0, -0, '-0', 0n]],
  ['int4', [-5, '-5', Buffer.from('fffffffb', 'hex')]],
  ['int2', [-5, Buffer.from('fffb', 'hex')]],
  ['text', ['7', 7, 7n, Buffer.from('7')]],
  ['text', ['é漢😀', Buffer.from('é漢😀')]],
  ['text', ['', Buffer.alloc(0)]],
  [
    'uuid',
    [
      '01234567-89ab-cdef-0123-456789abcdef',
      '01234567-89AB-CDEF-0123-456789ABCDEF',
      '{0123456789abcdef0123456789abcdef}',
      '0123-4567-89ab-cdef-0123-4567-89ab-cdef',
      Buffer.from('0123456789abcdef0123456789abcdef', 'hex'),
    ],
  ],
])('a key of type %s is one key in all its forms', (type, forms) => {
  expect(new Set(forms.map((form) => hashOf(type, form))).size).toBe(1)
})

test('text of any length is read, long after short and short after long', () => {
  const reader = new KeyReader()
  for (const length of [0, 1, 255, 256, 300_000, 3]) {
    for (const letter of ['x', 'é', '漢', '😀']) {
      const text = letter.repeat(length)
      reader.read('text', text)
      expect(Buffer.from(reader.bytes.subarray(0, reader.length)).equals(Buffer.from(text))).toBe(true)
    }
  }
})

test('a key in a message is where the same key of an application is', () => {
  const bytes = Buffer.alloc(8)
  for (const map of [RING, moduloMap(SHARDS), rangeMap('integer', SHARDS, [100n, 200n, 300n])]) {
    for (let id = 0; id < 400; id += 7) {
      bytes.writeBigInt64BE(BigInt(id))
      expect(locateWireKey(map, 'int8', bytes, 'binary')).toBe(locateKey(map, 'int8', id))
      expect(locateWireKey(map, 'int4', Buffer.from(String(id)), 'text')).toBe(locateKey(map, 'int8', id))
    }
  }
})

test.each(['', '-', '+', '--1', '1-', '1.5', '٣', '99999999999999999999', ' ', '\u00a07'])(
  'I9: %j in a message is no number',
  (text) => {
    expect(() => locateWireKey(RING, 'int8', Buffer.from(text), 'text')).toThrow(
      expect.objectContaining({ code: 'SHARD_KEY_INVALID' }),
    )
  },
)

test.each([
  '0',
  '-0',
  '-7',
  '+7',
  ' 7 ',
  '000000000000000000000007',
  '999999999999999',
  '1000000000000000',
  '-9223372036854775808',
])('%j in a message is the number it is', (text) => {
  const reader = new KeyReader()
  reader.readWire('int8', Buffer.from(text), 'text')
  expect(toBigInt(reader)).toBe(BigInt(text.replace('+', '')))
})

test('ranges take keys of their own kind and of one column', () => {
  const map = rangeMap('uuid', ['s1'], [])
  expect(() => locateKey(map, 'int8', 7)).toThrow(
    'This shard map has ranges of uuid keys, not of integer keys.',
  )
  expect(() => positionOf(map.line, 'text', 'a')).toThrow('ranges of uuid keys')
  expect(() => locateRow(map, ['uuid', 'int4'], ['', 1])).toThrow('Ranges are over a key of one column')
})

test('a key of several columns has a value for each, of which some may be NULL', () => {
  const types: KeyType[] = ['int4', 'text']
  expect(() => locateRow(RING, types, [1])).toThrow('This shard key has 2 columns, not 1.')
  const places = new Set([locateRow(RING, types, [1, 'a']), locateRow(RING, types, [null, null])])
  for (const place of places) expect(SHARDS[place]).toBeDefined()
})

test('a position can be told, on each line', () => {
  expect(positionOf({ kind: 'hash' }, 'int8', 7)).toBe(hashOf('int8', 7))
  expect(positionOf({ kind: 'key', family: 'integer' }, 'int4', -7)).toBe(-7n)
  expect(positionOf({ kind: 'key', family: 'text' }, 'varchar', '\ufeffé')).toBe('\ufeffé')
  expect(positionOf({ kind: 'key', family: 'uuid' }, 'uuid', '{0123456789ABCDEF0123456789abcdef}')).toBe(
    '01234567-89ab-cdef-0123-456789abcdef',
  )
  const upper = BigInt.asUintN(64, hashOf('int8', 7)) >> 32n
  expect(positionOf({ kind: 'remainder', modulus: 5 }, 'int8', 7)).toBe(upper % 5n)
})
