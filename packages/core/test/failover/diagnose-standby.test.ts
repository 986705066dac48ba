import { expect, test } from 'vitest'
import { diagnoseStandby, type NodeAnswer } from '../../src/failover/index.js'
import { answerOf } from './observed.js'

const late: Partial<NodeAnswer> = { streaming: false }
const writer = answerOf({
  recovery: false,
  timeline: 3,
  lsn: 5000,
  oldestWalLsn: 500,
  history: { 1: 1000, 2: 2000 },
})

test.each<[string, Partial<NodeAnswer>, object]>([
  [
    'a standby that streams is well, whatever its numbers say',
    { streaming: true, timeline: 9 },
    { kind: 'well' },
  ],
  ['one that is cut off but within history is left alone', { timeline: 2, lsn: 2000 }, { kind: 'well' }],
  [
    'one ahead of where its timeline ended has diverged',
    { timeline: 1, lsn: 1001 },
    { kind: 'diverged', apart: false },
  ],
  ['one on a later timeline was promoted apart', { timeline: 4 }, { kind: 'diverged', apart: true }],
  ['one ahead of the primary has diverged', { timeline: 3, lsn: 5001 }, { kind: 'diverged', apart: false }],
  [
    'one asked later than the primary may rightly have more',
    { timeline: 3, lsn: 5001, askedAtMs: writer.askedAtMs + 400 },
    { kind: 'well' },
  ],
  [
    'one that has not replayed all yet proves nothing',
    { timeline: 3, lsn: 5001, settled: false },
    { kind: 'well' },
  ],
  ['one whose next WAL is gone fell behind', { timeline: 1, lsn: 499 }, { kind: 'fell-behind' }],
])('%s', (_, standby, expected) => {
  expect(diagnoseStandby(answerOf({ ...late, ...standby }), writer)).toMatchObject(expected)
})

test('a standby on a timeline that the history of the primary skips has diverged', () => {
  const skipping = { ...writer, history: { 1: 1000 } }
  expect(diagnoseStandby(answerOf({ ...late, timeline: 2 }), skipping)).toMatchObject({
    kind: 'diverged',
    apart: true,
  })
})
