import type { Sample } from '@pgherd/core/api'
import { describe, expect, test } from 'vitest'
import { chartData, inOrder } from '../../src/charts/chart-data.js'
import { CHARTS } from '../../src/charts/charts.js'
import { tickSteps } from '../../src/charts/tick-steps.js'
import { pictureDue, rangeOf, samplesIn } from '../../src/charts/time-range.js'
import { formatCount } from '../../src/format/count.js'

function sampleOf(second: number, over: Partial<Sample> = {}): Sample {
  return {
    at: second * 1000,
    nodes: [],
    latencyMs: null,
    clients: second,
    serverConnections: 0,
    lanes: 0,
    ...over,
  }
}

const SAMPLES = Array.from({ length: 100 }, (_, second) => sampleOf(second))

describe('lines', () => {
  const pick = (sample: Sample, put: (line: string, value: number | null) => void) => put('a', sample.clients)

  test('have a point per sample while there are few', () => {
    const data = chartData(SAMPLES.slice(0, 3), pick, 'mean', 10)
    expect(data).toEqual({ times: [0, 1, 2], lines: [{ name: 'a', values: [0, 1, 2] }] })
  })

  test('of many samples keep the largest where a spike must be seen', () => {
    const data = chartData(SAMPLES, pick, 'largest', 10)
    expect(data.times).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
    expect(data.lines[0]?.values).toEqual([9, 19, 29, 39, 49, 59, 69, 79, 89, 99])
  })

  test('of many samples have their mean where it is a rate', () => {
    expect(chartData(SAMPLES, pick, 'mean', 50).lines[0]?.values.slice(0, 2)).toEqual([0.5, 2.5])
  })

  test('have a gap where nothing is known, and none that begins later moves the others', () => {
    const late = (sample: Sample, put: (line: string, value: number | null) => void) => {
      put('a', sample.clients === 1 ? null : sample.clients)
      if (sample.clients === 2) put('b', 7)
    }
    expect(chartData(SAMPLES.slice(0, 3), late, 'mean', 10).lines).toEqual([
      { name: 'a', values: [0, null, 2] },
      { name: 'b', values: [null, null, 7] },
    ])
  })

  test('stand in the order of the nodes, whichever was heard of first', () => {
    const lines = ['b', 'a', 'other', 'c'].map((name) => ({ name, values: [] }))
    expect(inOrder({ times: [], lines }, ['a', 'b', 'c']).lines.map(({ name }) => name)).toEqual([
      'other',
      'a',
      'b',
      'c',
    ])
  })

  test('of no samples are none', () => {
    expect(chartData([], pick, 'mean', 10)).toEqual({ times: [], lines: [] })
  })
})

test('the lag chart has a line for each standby and none for the primary', () => {
  const figures = { readsPerSecond: 0, writesPerSecond: 0, connections: null, transactionsPerSecond: null }
  const nodes = [
    { name: 'main-1', lagBytes: null, lagMs: null, ...figures },
    { name: 'main-2', lagBytes: 5, lagMs: 1, ...figures },
  ]
  const chart = CHARTS.find(({ id }) => id === 'lag-bytes')
  const { lines } = chartData([sampleOf(1, { nodes })], chart?.pick ?? (() => {}), 'largest', 10)
  expect(lines).toEqual([{ name: 'main-2', values: [5] }])
})

describe('what is seen', () => {
  test('are the last moments, or the stretch that was chosen', () => {
    expect(rangeOf(SAMPLES, 60, null)).toEqual({ from: 39, to: 99 })
    expect(rangeOf(SAMPLES, 60, { from: 3, to: 9 })).toEqual({ from: 3, to: 9 })
  })

  test('goes on to the edge', () => {
    expect(samplesIn(SAMPLES, { from: 10, to: 12 }).map(({ at }) => at / 1000)).toEqual([9, 10, 11, 12, 13])
    expect(samplesIn(SAMPLES, { from: 500, to: 600 })).toEqual([])
  })

  test('of an hour is drawn anew only when a point would differ', () => {
    const due = SAMPLES.slice(60).map((_, index) => pictureDue(SAMPLES.slice(0, 61 + index), 3600))
    expect(new Set(due).size).toBeLessThan(8)
    expect(
      new Set(SAMPLES.slice(60).map((_, index) => pictureDue(SAMPLES.slice(0, 61 + index), 60))).size,
    ).toBe(40)
  })
})

test.each(['count', 'duration'] as const)('every tick of a %s is written as it is', (unit) => {
  for (const step of tickSteps(unit).filter((each) => each <= 100))
    for (const tick of [step, 2 * step, 3 * step])
      expect(Number.parseFloat(formatCount(tick, 'en'))).toBeCloseTo(tick, 10)
})
