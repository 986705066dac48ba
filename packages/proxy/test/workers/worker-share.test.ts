import { describe, expect, test } from 'vitest'
import { readProxyOptions, workersFor } from '../../src/proxy-options.js'
import { BatchMeter } from '../../src/session/batch-meter.js'
import { addMeters, sumPools } from '../../src/sum-facts.js'
import { optionsOfWorker, shareOf } from '../../src/workers/worker-share.js'

describe('what is limited', () => {
  test.each([
    [20, 1, [20]],
    [20, 8, [3, 3, 3, 3, 2, 2, 2, 2]],
    [3, 2, [2, 1]],
    [2, 4, [1, 1, 1, 1]],
  ])('%i for %i workers is shared out as %j', (total, workers, shares) => {
    expect(Array.from({ length: workers }, (_, worker) => shareOf(total, worker, workers))).toEqual(shares)
  })

  test('is a worker’s share in its options, and nobody asks it for figures', () => {
    const options = { nodes: ['postgres://a/b'], metricsPort: 9187, lanes: { depth: 3 } }
    const { limits } = readProxyOptions(options)
    expect(optionsOfWorker(options, limits, 1, 8)).toEqual({
      nodes: ['postgres://a/b'],
      metricsPort: null,
      maxServers: 3,
      lanes: { depth: 3, max: 1 },
    })
  })
})

test.each([
  [1, 1],
  [2, 1],
  [7, 1],
  [8, 2],
  [18, 4],
  [64, 8],
])('on %i cores there are %i workers unless somebody says otherwise', (cores, workers) => {
  expect(workersFor(cores)).toBe(workers)
})

test.each([0, 65, 1.5, 'many' as 'auto'])('I9: %j workers are refused', (workers) => {
  expect(() => readProxyOptions({ nodes: ['postgres://a/b'], workers })).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining('from 1 to 64') }),
  )
})

test('what two workers counted is added up', () => {
  const [one, two] = [new BatchMeter(), new BatchMeter()]
  for (const meter of [one, one, two]) {
    meter.sent('primary', 'own', 'a:1', meter === two)
    meter.answered(3)
    meter.failed('42601')
  }
  two.failed('53300')
  two.waits.pause = 4
  const sum = addMeters(one.read(), two.read())
  expect(sum).toMatchObject({
    latency: { count: 3, sumMs: 9 },
    batches: { primary: { lane: 0, own: 3 }, standby: { lane: 0, own: 0 } },
    waits: { node: 0, pause: 4 },
  })
  expect(sum.latency.counts.reduce((all, each) => all + each)).toBe(3)
  expect([...sum.byNode]).toEqual([['a:1', { reads: 1, writes: 2 }]])
  expect([...sum.errors]).toEqual([
    ['42', 3],
    ['53', 1],
  ])
})

test('pools of several workers are one for each user, database and node', () => {
  const pool = { user: 'app', database: 'shop', node: 'a', lanes: 1, onLanes: 2, own: 3, idle: 1, waiting: 0 }
  expect(sumPools([pool, { ...pool, node: 'b' }, pool])).toEqual([
    { ...pool, lanes: 2, onLanes: 4, own: 6, idle: 2 },
    { ...pool, node: 'b' },
  ])
})
