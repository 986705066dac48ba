import { expect, test } from 'vitest'
import { until } from '../../../test/scratch-herd.js'
import { Collector } from '../src/collector/collector.js'
import type { Second } from '../src/collector/store-readings.js'
import { type PriceSource, SourceError } from '../src/source/price-source.js'
import { hurriedClock } from './hurried-clock.js'

const QUOTE = { coin: 'BTC', price: 1, volume: 0 }

/** Fails for the first `failures` readings. */
function sourceThatFails(failures: number, error: SourceError, asked: number[]): PriceSource {
  return {
    name: 'a test',
    read: async (atMs) => {
      asked.push(atMs)
      if (asked.length <= failures) throw error
      return { quotes: [QUOTE], complaints: ['ETH is missing.'] }
    },
  }
}

test('a source that fails is left alone for longer each time, and the trouble is told until it is over', async () => {
  const asked: number[] = []
  const stored: Second[] = []
  const collector = new Collector({
    source: sourceThatFails(4, new SourceError('It is away.'), asked),
    store: async (seconds) => void stored.push(...seconds),
    clock: hurriedClock(1_000_000, 50),
  })
  collector.start()
  await until('the source was asked', () => asked.length >= 1)
  expect(collector.status()).toMatchObject({
    state: 'waiting for the source',
    troubles: [expect.stringContaining('It is away. It is asked again in')],
  })
  await until('seconds are stored', () => stored.length >= 2)
  // What was wrong with a part of the answer is told too.
  expect(collector.status()).toMatchObject({ state: 'collecting', troubles: ['ETH is missing.'] })
  expect(await collector.close()).toBe(0)
  const pauses = asked.slice(1, 5).map((at, i) => (at - (asked[i] as number)) / 1000)
  expect(pauses[0]).toBeGreaterThanOrEqual(1)
  expect(pauses[1]).toBeGreaterThanOrEqual(2)
  expect(pauses[2]).toBeGreaterThanOrEqual(4)
  expect(pauses[3]).toBeGreaterThanOrEqual(8)
})

test('a source that says how long it wants to be left alone is left alone so long', async () => {
  const asked: number[] = []
  const error = new SourceError('Too often.', { retryAfterMs: 20_000 })
  const collector = new Collector({
    source: sourceThatFails(1, error, asked),
    store: async () => {},
    clock: hurriedClock(1_000_000, 100),
  })
  collector.start()
  await until('it is asked again', () => asked.length >= 2)
  await collector.close()
  expect((asked[1] as number) - (asked[0] as number)).toBeGreaterThanOrEqual(20_000)
})

test('a primary that takes its time is told of, without an error', async () => {
  const asked: number[] = []
  let acknowledge = (): void => {}
  const collector = new Collector({
    source: sourceThatFails(0, new SourceError(''), asked),
    store: () =>
      new Promise((resolve) => {
        acknowledge = resolve
      }),
    clock: hurriedClock(1_000_000, 50),
  })
  collector.start()
  await until('several seconds wait', () => collector.status().waitingSeconds >= 5)
  expect(collector.status()).toMatchObject({
    state: 'waiting for the primary',
    troubles: [
      expect.stringMatching(/^\d+ seconds of prices wait until the primary has taken them\.$/),
      'ETH is missing.',
    ],
  })
  const closing = collector.close()
  const taking = setInterval(() => acknowledge(), 1)
  expect(await closing).toBe(0)
  clearInterval(taking)
})

test('what cannot be stored waits, in order, and is stored when it can be', async () => {
  const asked: number[] = []
  const stored: number[] = []
  let isAway = true
  const collector = new Collector({
    source: sourceThatFails(0, new SourceError(''), asked),
    store: async (seconds) => {
      if (isAway) throw new Error('There is no primary.')
      stored.push(...seconds.map(({ atMs }) => atMs))
    },
    clock: hurriedClock(1_000_000, 50),
  })
  collector.start()
  await until('several seconds wait', () => collector.status().waitingSeconds >= 5)
  expect(collector.status()).toMatchObject({
    state: 'waiting for the primary',
    troubles: ['Prices wait to be stored: There is no primary.', 'ETH is missing.'],
    storedUntil: null,
  })
  isAway = false
  expect(await collector.close()).toBe(0)
  expect(stored).toEqual(asked)
})
