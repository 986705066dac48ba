import { expect, test } from 'vitest'
import {
  forgiveSilence,
  newNodeRecord,
  noteAnswer,
  noteFailure,
  noteFenced,
  noteRefusal,
  noteStarted,
  noteStopped,
  observeNode,
} from '../../src/failover/index.js'
import { answerOf } from './observed.js'

const disk = { role: 'standby', cleanShutdownLsn: null } as const
const vitals = (record: ReturnType<typeof newNodeRecord>, nowMs: number) =>
  observeNode(record, disk, { hangAfterMs: 1500 }, nowMs).vitals
const started = noteStarted(newNodeRecord('n1', 0), 0)
const answered = noteAnswer(started, answerOf(), 1000)

test('a server that answered and then falls silent for the limit is hung', () => {
  expect([1100, 2499, 2500].map((nowMs) => vitals(answered, nowMs))).toEqual(['answers', 'answers', 'hung'])
})

test('a server that has yet to answer is given a minute', () => {
  expect([59_000, 60_001].map((nowMs) => vitals(started, nowMs))).toEqual(['quiet', 'hung'])
})

test('a refusal is a sign of life, for ten hang limits', () => {
  expect(vitals(noteRefusal(answered, 2400), 3000)).toBe('quiet')
  expect(vitals(noteRefusal(answered, 15_900), 16_000)).toBe('hung')
})

test('silence while the supervisor slept is forgiven', () => {
  expect(vitals(answered, 9000)).toBe('hung')
  expect(vitals(forgiveSilence(answered, 7000), 9000)).toBe('answers')
})

test('each failure in a row doubles the wait, up to 15 s; an answer ends the row', () => {
  let record = newNodeRecord('n1', 0)
  const waits = Array.from({ length: 8 }, () => {
    record = noteFailure(record, 0)
    return record.retryAtMs
  })
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  expect(noteAnswer(noteStarted(record, 1), answerOf(), 2)).toMatchObject({ failures: 0, retryAtMs: 0 })
})

test('a server that stops before it ever answered has failed to start', () => {
  expect(noteStopped(started, 500).failures).toBe(1)
  expect(noteStopped(answered, 1500).failures).toBe(0)
})

test('the end of a fence, not the death of the postmaster, is when nothing can write any more', () => {
  const dead = noteStopped(answered, 2000)
  expect(observeNode(noteFenced(dead, 2100), disk, { hangAfterMs: 1500 }, 2200).stoppedAtMs).toBe(2100)
})
