import { expect, test } from 'vitest'
import { ShapePace } from '../src/shape-pace.js'

function runs(pace: ShapePace, count: number): void {
  for (let at = 0; at < count; at++) pace.noteQuick()
}

test('a shape that is slow twice stays away, longer each time, for a minute at most', () => {
  const pace = new ShapePace()
  let nowMs = 5000
  for (const banMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    pace.noteSlow(nowMs)
    expect(pace.mayShare(nowMs)).toBe(true)
    pace.noteSlow(nowMs)
    expect(pace.mayShare(nowMs + banMs - 1)).toBe(false)
    nowMs += banMs
    expect(pace.mayShare(nowMs)).toBe(true)
  }
})

test('one that was quick for half a minute begins anew', () => {
  const pace = new ShapePace()
  for (const nowMs of [0, 0, 1000, 1000]) pace.noteSlow(nowMs)
  expect(pace.mayShare(2999)).toBe(false)
  runs(pace, 10)
  pace.noteSlow(33_001)
  pace.noteSlow(33_001)
  expect(pace.mayShare(34_000)).toBe(false)
  expect(pace.mayShare(34_001)).toBe(true)
})

test('a busy machine that holds up a few of many bans nobody', () => {
  const pace = new ShapePace()
  for (let at = 0; at < 1000; at++) {
    runs(pace, 200)
    pace.noteSlow(at)
    expect(pace.mayShare(at)).toBe(true)
  }
})

test('what waits for a lock stays away soon, however quick it was before', () => {
  const pace = new ShapePace()
  runs(pace, 1_000_000)
  let slow = 0
  while (pace.mayShare(0)) {
    pace.noteSlow(0)
    slow++
  }
  expect(slow).toBe(4)
})

test('one that is slow for some of its values stays away soon, however quick it was before', () => {
  const pace = new ShapePace()
  runs(pace, 1_000_000)
  let slow = 0
  while (pace.mayShare(0)) {
    runs(pace, 9)
    pace.noteSlow(0)
    slow++
  }
  expect(slow).toBeLessThanOrEqual(25)
})

test('slow ones that were under way together count as one ban', () => {
  const pace = new ShapePace()
  for (let at = 0; at < 50; at++) pace.noteSlow(0)
  expect(pace.mayShare(1000)).toBe(true)
})
