import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Herd } from '@pgherd/cluster'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PATIENCE_MS, until } from '../../../test/scratch-herd.js'
import type { Dashboard } from '../src/run-dashboard.js'
import { findChromium } from './find-chromium.js'
import { scratchCrypto, scratchDashboard } from './scratch-dashboard.js'

const PROGRAM = findChromium()
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

if (PROGRAM === null) {
  test.skip('the page in a browser: this machine has no chromium; "apt-get install chromium" brings one', () => {})
}

describe.runIf(PROGRAM !== null)('the page in a browser', () => {
  let dashboard: Dashboard
  let herd: Herd
  let browser: Browser
  let page: Page
  const elsewhere: string[] = []
  const errors: string[] = []

  beforeAll(async () => {
    const crypto = await scratchCrypto()
    herd = crypto.herd
    dashboard = await scratchDashboard(crypto, 30)
    browser = await chromium.launch({ executablePath: PROGRAM as string, args: ['--no-sandbox'] })
    page = await browser.newPage({ viewport: { width: 1366, height: 900 } })
    page.on('request', (request) => {
      if (!request.url().startsWith(dashboard.url) && !request.url().startsWith('data:'))
        elsewhere.push(request.url())
    })
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    await page.goto(dashboard.url)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
  })

  const textOf = (selector: string): Promise<string> => page.locator(selector).first().innerText()

  test('shows prices that change, and which node they are from', async () => {
    await page.locator('#prices tbody tr').nth(11).waitFor()
    await page.locator('#prices [data-from]', { hasText: /^from crypto-2 · standby$/ }).waitFor()
    const before = await textOf('#prices tbody td')
    await until('the price has changed', async () => (await textOf('#prices tbody td')) !== before)
    expect(await textOf('#connection')).toBe('live')
    expect(await textOf('#start')).toBe('A first start. Prices come from a simulated market.')
  })

  test('draws candles of the coin that is chosen', async () => {
    await page.locator('#candles .chart g').nth(25).waitFor()
    await page.getByRole('button', { name: 'SOL Solana' }).click()
    await page.getByRole('heading', { name: 'Solana in candles' }).waitFor()
    await page.getByText('5m', { exact: true }).first().click()
    await until('there are fewer candles', async () => (await page.locator('#candles .chart g').count()) < 12)
    await page.locator('#candles .chart').focus()
    await page.keyboard.press('ArrowLeft')
    expect(await textOf('[data-readout]')).toMatch(/300 prices$/)
  })

  test('shows nodes with their lag, and how long a test row took', async () => {
    expect(await textOf('.node[data-role="primary"] .title')).toMatch(/^crypto-1\s+primary$/)
    expect(await textOf('[data-lag]')).toMatch(/^[\d,.]+ (B|kB|MB)$/)
    await page.getByRole('button', { name: 'Write a test row' }).click()
    await page.locator('[data-probes] tbody tr').waitFor()
    expect(await textOf('[data-probes] tbody tr')).toMatch(
      /^crypto-1 → crypto-2\s+[\d.,]+ ms\s+[\d.,]+ ms\s+\d+$/,
    )
  })

  test('buys, says where that was written, and refuses what cannot be', async () => {
    await page.getByLabel('Quantity').fill('0.5')
    await page.getByRole('button', { name: 'Buy' }).click()
    await page.getByText(/^Bought 0\.5 BTC for \$[\d,.]+; written on crypto-1\.$/).waitFor()
    expect(await textOf('#portfolio tbody td:nth-child(2)')).toBe('0.5')
    await page.getByLabel('Quantity').fill('a lot')
    await page.getByRole('button', { name: 'Sell' }).click()
    await page.getByText(/^The quantity is a number above 0/).waitFor()
    await page.getByLabel('Quantity').fill('9')
    await page.getByRole('button', { name: 'Sell' }).click()
    await page.getByText('9 BTC cannot be sold; there is 0.50000000.').waitFor()
    expect(errors.filter((error) => !error.includes('409'))).toEqual([])
    errors.length = 0
  })

  test('has no serious fault that axe knows of, light or dark, and fits a phone', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      // Playwright runs it past the content policy of the page, which would refuse a script element.
      await page.evaluate(AXE)
      const found = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
        return (await axe.run()).violations
      })
      const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
    }
    await page.setViewportSize({ width: 390, height: 844 })
    await until('nothing sticks out', () =>
      page.evaluate(() => globalThis.document.documentElement.scrollWidth <= 390),
    )
  })

  test(
    'shows a failover: who is primary now, and answers from who is standby now',
    async () => {
      const { groups } = await herd.status()
      process.kill(groups[0]?.nodes.find(({ role }) => role === 'primary')?.pid as number, 'SIGKILL')
      await page.locator('.node[data-role="primary"]', { hasText: 'crypto-2' }).waitFor()
      await page
        .locator('.node[data-role="standby"]', { hasText: 'crypto-1' })
        .waitFor({ timeout: PATIENCE_MS })
      await page.locator('#prices [data-from]', { hasText: 'crypto-1 · standby' }).waitFor()
      const before = await textOf('#prices tbody td')
      await until('prices change again', async () => (await textOf('#prices tbody td')) !== before)
      await page.getByRole('button', { name: 'Write a test row' }).click()
      await page.locator('[data-probes] tbody tr', { hasText: 'crypto-2 → crypto-1' }).waitFor()
      errors.length = 0
    },
    2 * PATIENCE_MS,
  )

  test('says so when the dashboard is gone, and asks nothing of anybody else', async () => {
    await dashboard.close()
    await page.getByText(/^no connection; what is shown is of \d\d:\d\d:\d\d$/).waitFor()
    expect(await page.locator('#prices tbody tr').count()).toBe(12)
    expect(elsewhere).toEqual([])
  })
})

interface Violation {
  id: string
  impact: string
  nodes: { html: string }[]
}
