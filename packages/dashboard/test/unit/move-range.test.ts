import { expect, test } from 'vitest'
import { type Move, moveRange } from '../../src/charts/move-range.js'

const ALL = { from: 0, to: 3600 }

test.each<[Move, [number, number], [number, number]]>([
  ['closer', [3300, 3600], [3450, 3600]],
  ['closer', [100, 104], [99, 104]],
  ['wider', [3450, 3600], [3300, 3600]],
  ['wider', [10, 110], [0, 200]],
  ['wider', [1000, 3400], [0, 3600]],
  ['earlier', [3300, 3600], [3150, 3450]],
  ['earlier', [10, 110], [0, 100]],
  ['later', [3150, 3450], [3300, 3600]],
  ['later', [3290, 3590], [3300, 3600]],
])('%s: %j becomes %j', (move, [from, to], [nextFrom, nextTo]) => {
  expect(moveRange({ from, to }, move, ALL)).toEqual({ from: nextFrom, to: nextTo })
})

test('of a herd that was just started no more is shown than there is', () => {
  expect(moveRange({ from: -300, to: 10 }, 'earlier', { from: 0, to: 10 })).toEqual({ from: 0, to: 10 })
})
