import { expect, test } from 'vitest'
import { arcPath, segmentsOf } from '../../src/shards/ring.js'

test('neighbouring stretches of one shard are one', () => {
  const stretches = [
    { from: '0', start: 0, shard: 'a' },
    { from: '1', start: 0.25, shard: 'a' },
    { from: '2', start: 0.5, shard: 'b' },
  ]
  expect(segmentsOf(stretches)).toEqual([
    { from: 0, to: 0.5, shard: 'a' },
    { from: 0.5, to: 1, shard: 'b' },
  ])
})

test('where positions have no lengths all stretches are drawn alike', () => {
  const stretches = ['a', 'b'].map((shard) => ({ from: shard, start: null, shard }))
  expect(segmentsOf(stretches).map(({ from, to }) => [from, to])).toEqual([
    [0, 0.5],
    [0.5, 1],
  ])
})

test('an arc goes clockwise from the top', () => {
  expect(arcPath({ from: 0, to: 0.25 }, 5, 10)).toBe(
    'M0.00 -10.00 A10 10 0 0 1 10.00 -0.00 L5.00 -0.00 A5 5 0 0 0 0.00 -5.00 Z',
  )
})
