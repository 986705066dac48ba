import { KeyReader, type KeyType } from '@pgherd/core/sharding'
import type { ValueRef } from '@pgherd/core/sql'
import { expect, test } from 'vitest'
import { encodeValue } from '../../src/pg-internals.js'
import { ClientValues } from '../../src/shards/client-values.js'

const REF: ValueRef = { kind: 'parameter', index: 1, negative: false, type: null, array: false }

function readAs(type: KeyType, value: unknown): string {
  const into = new KeyReader()
  const reading = new ClientValues([value]).read(REF, type, into)
  return reading === 'value' ? `${into.family} ${into.high | 0} ${into.low | 0}` : reading
}

const NUMBERS = [
  ...[0, -0, 1, -1, 32_767, 32_768, -32_769, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 1e21, 1.5, Number.NaN, -Infinity],
]

test.each(['int2', 'int4', 'int8'] as const)('numbers are read for %s as the text that is sent', (type) => {
  for (const value of NUMBERS)
    expect(readAs(type, value), String(value)).toBe(readAs(type, encodeValue(value)))
})

test('numbers are read for text as the text that is sent', () => {
  const into = new KeyReader()
  expect(new ClientValues([12]).read(REF, 'text', into)).toBe('value')
  expect(Buffer.from(into.bytes.subarray(0, into.length)).toString()).toBe('12')
})

test('what is too large for its column belongs to no shard', () => {
  expect(readAs('int4', 2 ** 31)).toBe('outside')
  expect(readAs('int8', 1.5)).toBe('unknown')
})
