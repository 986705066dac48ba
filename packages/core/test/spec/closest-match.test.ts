import { expect, test } from 'vitest'
import { closestMatch, editDistance } from '../../src/spec/closest-match.js'

test.each([
  ['', '', 0],
  ['abc', '', 3],
  ['', 'abc', 3],
  ['nodes', 'nodez', 1],
  ['nodes', 'ndoes', 1],
  ['nodes', 'node', 1],
  ['kitten', 'sitting', 3],
])('from %j to %j it is %i slips', (a, b, slips) => {
  expect(editDistance(a, b)).toBe(slips)
})

test('the nearest candidate wins, the first of equals', () => {
  expect(closestMatch('port', ['ports', 'host', 'port'])).toBe('port')
  expect(closestMatch('bat', ['cat', 'hat'])).toBe('cat')
})

test('nothing is suggested for what is nothing like any candidate', () => {
  expect(closestMatch('colour', ['name', 'nodes'])).toBeUndefined()
  expect(closestMatch('x'.repeat(100_000), ['name'])).toBeUndefined()
})
