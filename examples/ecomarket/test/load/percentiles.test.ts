import { expect, test } from 'vitest'
import { imbalanceOf, spreadOf } from '../../src/load/percentiles.js'
import { drawBars, drawLines } from '../../src/load/report/charts.js'
import { joinResults } from '../../src/load/stress.js'

test('percentiles are by nearest rank, whatever the order', () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at)
  expect(spreadOf(values)).toEqual({ median: 50, p95: 95, p99: 99, max: 100 })
  expect(spreadOf([7])).toEqual({ median: 7, p95: 7, p99: 7, max: 7 })
  expect(spreadOf([])).toBeNull()
})

test('imbalance is the fullest over the mean', () => {
  expect(imbalanceOf([10, 10, 10])).toBe(1)
  expect(imbalanceOf([30, 10, 20])).toBe(1.5)
  expect(imbalanceOf([0, 0])).toBeNull()
})

test('several stretches are one: their rate over all the time, their latency that of the worst', () => {
  const stretch = { failed: 1, failure: 'why', perSecond: 0 }
  const slow = { ...stretch, ms: 1000, done: 10, latencyMs: { median: 5, p95: 9, p99: 9, max: 9 } }
  const fast = { ...stretch, ms: 1000, done: 30, latencyMs: { median: 1, p95: 10, p99: 10, max: 10 } }
  expect(joinResults([slow, fast])).toMatchObject({
    perSecond: 20,
    done: 40,
    failed: 2,
    latencyMs: { median: 5, max: 10 },
  })
})

test('charts of nothing, and of texts with markup in them, are charts', () => {
  expect(drawBars('none', [])).toContain('<svg')
  expect(drawBars('zero', [{ label: '<b>', value: 0, shown: '0 "', colour: 9 }])).toContain('&lt;b&gt;')
  expect(drawLines({ title: 'none', x: 's', y: 'ms', lines: [] })).not.toMatch(/NaN|Infinity/)
  const flat = drawLines({ title: 'flat', x: 's', y: 'ms', lines: [{ name: 'a', points: [[0, 0]] }] })
  expect(flat).not.toMatch(/NaN|Infinity/)
})
