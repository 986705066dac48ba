import { expect, test } from 'vitest'
import { beginCourse, OrderJournal } from '../src/buying/order-journal.js'
import { type Failover, type Killing, killPrimaries } from '../src/kill-primaries.js'

const PURCHASE = { key: 'a', userId: 1, lines: [] }

/** A herd whose primary is there again at once, and tells late of an order that was begun before the kill. */
function killingOf(journal: OrderJournal, kills: number, wholeAfterMs: number): Killing {
  const sell = (triedAtMs: number): void =>
    journal.record(PURCHASE, 'acknowledged', { ...beginCourse(), triedAtMs, node: 'main-1' })
  return {
    herd: {
      primaryOf: () => ({ name: 'main-1', host: '', port: 0 }),
      whenWhole: () => new Promise((resolve) => setTimeout(resolve, wholeAfterMs)),
      disturb: async () => {
        const beforeMs = performance.now()
        setTimeout(() => sell(beforeMs), 20)
        setTimeout(() => sell(performance.now()), 100)
      },
    },
    journal,
    seconds: 0.5,
    kills,
    tell: () => {},
    signal: new AbortController().signal,
  }
}

test('the next order is one that was begun after the kill, whoever sells it', async () => {
  const failovers: Failover[] = []
  await killPrimaries(killingOf(new OrderJournal(), 1, 0), failovers)
  expect(failovers).toMatchObject([{ killed: 'main-1', newPrimary: 'main-1' }])
  expect(failovers[0]?.nextOrderMs).toBeGreaterThan(90)
})

test('nobody is killed after closing time, however many kills are left', async () => {
  const failovers: Failover[] = []
  await killPrimaries(killingOf(new OrderJournal(), 1000, 200), failovers)
  expect(failovers.length).toBeGreaterThan(0)
  expect(failovers.length).toBeLessThan(4)
})
