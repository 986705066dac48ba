import { expect, test } from 'vitest'
import { parseArguments } from '../src/parse-arguments.js'
import { DEFAULT_OPTIONS } from '../src/run-options.js'

test('without arguments the run is the one the README shows', () => {
  const none = { keep: false, json: false, help: false }
  expect(parseArguments([])).toEqual({ options: DEFAULT_OPTIONS, ...none })
})

test('numbers are taken with or without "="', () => {
  const { options, keep } = parseArguments(['--seconds', '60', '--kills=12', '--keep'])
  expect(options).toEqual({ ...DEFAULT_OPTIONS, seconds: 60, kills: 12 })
  expect(keep).toBe(true)
})

test.each([
  { args: ['--secnds', '3'], says: '--secnds' },
  { args: ['--seconds', '3s'], says: 'whole number from 1 to 86400, not "3s"' },
  { args: ['--buyers', '0'], says: 'from 1 to 64' },
  { args: ['--kills'], says: '--kills' },
  { args: ['12'], says: "'12'" },
])('$args is refused with what is wrong', ({ args, says }) => {
  expect(() => parseArguments(args)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(says) }),
  )
})
