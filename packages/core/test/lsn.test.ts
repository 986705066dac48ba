import { expect, test } from 'vitest'
import { formatLsn, parseLsn } from '../src/lsn.js'

test.each([
  ['0/0', 0],
  ['0/1', 1],
  ['0/FFFFFFFF', 2 ** 32 - 1],
  ['1/0', 2 ** 32],
  ['16/B374D848', 0x16_b374_d848],
  ['1FFFFF/FFFFFFFF', Number.MAX_SAFE_INTEGER],
])('%s is byte %i, both ways', (text, lsn) => {
  expect(parseLsn(text)).toBe(lsn)
  expect(formatLsn(lsn)).toBe(text)
})

test('small letters and leading zeros are read too', () => {
  expect(parseLsn('00000016/b374d848')).toBe(parseLsn('16/B374D848'))
})

test('a later place in the log is a greater number', () => {
  expect(parseLsn('2/0')).toBeGreaterThan(parseLsn('1/FFFFFFFF'))
})

test.each(['', '0', '/', '0/', '/0', '0/0/0', '0/G', '-1/0', ' 0/0', '0/0\n', '123456789/0', '0x1/0'])(
  '%j is not an LSN',
  (text) => {
    expect(() => parseLsn(text)).toThrow(RangeError)
  },
)

test('a place beyond 2^53 is refused, because a number would round it', () => {
  expect(() => parseLsn('200000/0')).toThrow('LSN beyond 2^53: 200000/0')
})
