import { describe, expect, test } from 'vitest'
import { formatAgo } from '../../src/format/ago.js'
import { formatBytes } from '../../src/format/bytes.js'
import { formatClock } from '../../src/format/clock.js'
import { formatCount, formatShare } from '../../src/format/count.js'
import { formatDuration } from '../../src/format/duration.js'

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1536, '1.5 kB'],
    [150 * 1024, '150 kB'],
    [3 * 1024 ** 4, '3 TB'],
  ])('%d are %s', (bytes, text) => expect(formatBytes(bytes, 'en')).toBe(text))
  test('have the comma of the language', () => expect(formatBytes(1536, 'es')).toBe('1,5 kB'))
})

describe('durations', () => {
  test.each([
    [0, '0 ms'],
    [0.44, '0.4 ms'],
    [12.4, '12 ms'],
    [999.6, '1 s'],
    [61_000, '1 min'],
    [5_400_000, '1.5 h'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms, 'en')).toBe(text))
})

describe('ago', () => {
  test.each([
    [400, 'en', 'now'],
    [-5000, 'en', 'now'],
    [12_000, 'en', '12 sec. ago'],
    [12_000, 'es', 'hace 12 s'],
    [3 * 3_600_000, 'en', '3 hr. ago'],
  ])('%d ms in %s is %s', (ms, locale, text) => expect(formatAgo(ms, locale)).toBe(text))
})

test('a long count is short, a share is a percentage, a clock has milliseconds', () => {
  expect(formatCount(12_345, 'en')).toBe('12,345')
  expect(formatCount(1_234_567, 'en')).toBe('1.2M')
  expect(formatShare(0.125, 'en')).toBe('12.5%')
  expect(formatClock(new Date(2026, 0, 1, 4, 3, 2, 7))).toBe('04:03:02.007')
})
