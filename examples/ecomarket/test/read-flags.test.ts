import { expect, test } from 'vitest'
import { readFlags, readWholeNumber } from '../src/read-flags.js'

const SECONDS = { fallback: 60, low: 10, high: 3600 }

test('options are read by name', () => {
  expect(readFlags(['--port', '80', '-h'], ['port', 'state'])).toEqual({ port: '80', help: true })
  expect(readFlags([], ['port'])).toEqual({})
})

test.each([['--nonsense'], ['--port'], ['stray']])('%s is refused', (argument) => {
  expect(() => readFlags([argument], ['port'])).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('a number is one within its limits', () => {
  expect(readWholeNumber('seconds', undefined, SECONDS)).toBe(60)
  expect(readWholeNumber('seconds', '10', SECONDS)).toBe(10)
})

test.each(['9', '3601', '1.5', '-1', '1e2', '', 'ten'])('"%s" is refused', (text) => {
  expect(() => readWholeNumber('seconds', text, SECONDS)).toThrow(
    '--seconds takes a whole number from 10 to 3600',
  )
})
