import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSpec } from '@pgherd/core/spec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { printReport } from '../src/print-report.js'
import { isRight, type Report } from '../src/report.js'
import { runMarketplace } from '../src/run-marketplace.js'
import { type StateFolder, temporaryFolder } from '../src/state-folder.js'

const SPEC = fileURLToPath(new URL('../herd.yaml', import.meta.url))

let state: StateFolder
let report: Report
let shown: string

// The herd is stopped by the run itself, whatever comes of it.
beforeAll(async () => {
  state = await temporaryFolder()
  report = await runMarketplace({
    spec: parseSpec(await readFile(SPEC, 'utf8'), SPEC),
    stateDir: state.path,
    options: { seconds: 12, kills: 2, buyers: 6, visitors: 3, seed: 42 },
    signal: new AbortController().signal,
    tell: () => {},
  })
  shown = printReport(report)
}, 180_000)

afterAll(async () => {
  await state?.remove()
  if (state !== undefined) expect(existsSync(dirname(state.path))).toBe(false)
})

test('I1: every acknowledged order is there, once, while primaries are killed', () => {
  const { failure, account } = report
  const { orders } = account
  expect({ failure, lost: orders.lost, duplicates: orders.duplicates }).toEqual({
    failure: null,
    lost: [],
    duplicates: [],
  })
  expect(orders.acknowledged).toBeGreaterThan(50)
  expect(orders.found).toBe(orders.acknowledged + orders.unknown.tookEffect)
  expect(account.balanced, shown).toBe(true)
})

test('every unit is in stock or in an order', () => {
  const { stock } = report.account
  expect(stock).toMatchObject({ products: 1000, mismatched: [], belowZero: [] })
  expect(stock.unitsSold).toBeGreaterThan(50)
})

test('cart changes that were promised are saved: in order, each once', () => {
  const { carts } = report.account
  expect(carts).toMatchObject({ lost: [], unexpected: [], outOfOrder: [], differing: [] })
  expect(carts.promised, shown).toBeGreaterThan(0)
  expect(carts.unknown.didNot).toBeGreaterThanOrEqual(0)
  expect(carts.saved).toBeGreaterThan(carts.promised)
})

test('each kill is followed by a primary that sells, and by a herd that is whole', () => {
  // The second is left out where a herd takes longer than the run to be whole again.
  expect(report.failovers.length).toBeGreaterThan(0)
  for (const { killed, newPrimary, nextOrderMs, wholeMs } of report.failovers) {
    expect([killed, newPrimary]).toEqual([expect.stringMatching(/^main-/), expect.stringMatching(/^main-/)])
    expect(nextOrderMs).toBeGreaterThan(0)
    expect(wholeMs).toBeGreaterThanOrEqual(nextOrderMs ?? Number.POSITIVE_INFINITY)
  }
})

test('standbys answer for the catalogue and for carts, and no visitor sees an error', () => {
  const { pages, carts, orders, failed } = report.reading
  expect(pages.standby).toBeGreaterThan(10 * pages.primary)
  // What somebody has just changed themselves may be the primary's to show.
  expect(carts.standby + carts.primary).toBeGreaterThan(0)
  expect(orders.standby + orders.primary).toBeGreaterThan(50)
  expect(failed).toBe(0)
})

test('nobody who reads misses what they did themselves', () => {
  expect(report.reading.stale).toBe(0)
})

test('buyers wait through a failover', () => {
  expect(report.pauses.longestMs).toBeGreaterThan(report.pauses.medianMs)
  expect(report.pauses.longestMs).toBeLessThan(45_000)
})

test('the account can be read by a person', () => {
  expect(shown).toContain('The account balances')
  expect(shown).toMatch(/^ {2}lost +0$/m)
})

test('one stale read is enough for the account to be wrong', () => {
  const stale = { ...report, reading: { ...report.reading, stale: 1 } }
  expect(isRight(report)).toBe(true)
  expect(isRight(stale)).toBe(false)
  expect(printReport(stale)).toContain('THE ACCOUNT DOES NOT BALANCE')
})
