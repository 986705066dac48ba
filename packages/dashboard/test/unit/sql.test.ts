import { describe, expect, test } from 'vitest'
import { remember, stepInto } from '../../src/sql/history.js'
import { placeOf } from '../../src/sql/place-of.js'
import { quoteName } from '../../src/sql/quote-name.js'

test.each([
  ['orders', 'orders'],
  ['order', '"order"'],
  ['Orders', '"Orders"'],
  ['1st', '"1st"'],
  ['a"b', '"a""b"'],
])('the name %s is written %s', (name, written) => expect(quoteName(name)).toBe(written))

test.each([
  ['select bad', 8, { line: 1, code: 'select bad', mark: '       ^' }],
  ['select *\nfrom bad\nlimit 1', 15, { line: 2, code: 'from bad', mark: '     ^' }],
  ["select '🐘', bad", 13, { line: 1, code: "select '🐘', bad", mark: '             ^' }],
])('in %j the place %i is found', (text, position, place) => expect(placeOf(text, position)).toEqual(place))

describe('the history', () => {
  test('has each statement once, the newest last, a hundred of them', () => {
    expect(remember(['a', 'b'], 'a')).toEqual(['b', 'a'])
    const many = Array.from({ length: 120 }, (_, index) => `${index}`).reduce(
      remember,
      [] as readonly string[],
    )
    expect([many.length, many[0]]).toEqual([100, '20'])
  })

  test('ends at both ends', () => {
    expect([stepInto(['a', 'b'], 0, -1), stepInto(['a', 'b'], 2, -1), stepInto(['a', 'b'], 0, 1)]).toEqual([
      1, 2, 0,
    ])
  })
})
