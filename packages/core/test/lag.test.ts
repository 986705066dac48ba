import { expect, test } from 'vitest'
import { lagOf, type WalSample, withSample } from '../src/index.js'

const samples: WalSample[] = [
  { atMs: 0, lsn: 1000 },
  { atMs: 500, lsn: 1000 },
  { atMs: 1000, lsn: 2000 },
]

test('on an idle herd the lag is 0 however long ago the last write was', () => {
  expect(lagOf(samples, 2000, 60_000)).toEqual({ bytes: 0, ms: 0 })
})

test('a standby that stopped replaying lags by the bytes since, for as long as they have been waiting', () => {
  expect(lagOf(samples, 1000, 3000)).toEqual({ bytes: 1000, ms: 2500 })
})

test('the moment a position was passed is read off the line between two samples', () => {
  expect(lagOf(samples, 1500, 1000)).toEqual({ bytes: 500, ms: 250 })
})

test('a standby asked before the primary was is not blamed for what was written in between', () => {
  const busy: WalSample[] = [
    { atMs: 0, lsn: 0 },
    { atMs: 1000, lsn: 1_000_000 },
  ]
  expect(lagOf(busy, 500_000, 500)).toEqual({ bytes: 0, ms: 0 })
})

test('a standby ahead of what the primary said last lags by nothing', () => {
  expect(lagOf(samples, 9000, 1200)).toEqual({ bytes: 0, ms: 0 })
})

test('before the primary has said anything there is nothing to be behind', () => {
  expect(lagOf([], 1000, 10)).toEqual({ bytes: 0, ms: 0 })
})

test('samples of a primary that had more WAL than its successor are dropped', () => {
  expect(withSample(samples, { atMs: 1500, lsn: 1200 })).toEqual([
    { atMs: 0, lsn: 1000 },
    { atMs: 500, lsn: 1000 },
    { atMs: 1500, lsn: 1200 },
  ])
})

test('samples do not grow without bound', () => {
  let kept: readonly WalSample[] = []
  for (let at = 0; at < 1000; at++) kept = withSample(kept, { atMs: at, lsn: at })
  expect(kept.length).toBe(240)
  expect(kept.at(-1)).toEqual({ atMs: 999, lsn: 999 })
})
