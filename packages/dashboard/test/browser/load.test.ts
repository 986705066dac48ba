import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousFindings } from './accessibility.js'
import { hasChromium, launch, openPage } from './chromium.js'
import { FakeStream } from './fake-stream.js'

/** Longer than from one drawing of an hour to the next. */
const AN_HOUR_DRAWN_MS = 9500
/** Of 60 there are; a picture or two that the machine itself missed is not the page's. */
const SMOOTH_PER_SECOND = 57
const MOSTLY_FREE = 0.5

let browser: Browser

describe.skipIf(!hasChromium())('the page under load', () => {
  beforeAll(async () => {
    browser = await launch()
  })

  afterAll(async () => {
    await browser?.close()
  })

  test('holds 60 pictures a second with twenty nodes and an hour of charts', async () => {
    await using server = await serve()
    const { page, expectCalm } = await openPage(browser, server.url, 'shards')
    await page.getByText('is not sharded').waitFor()
    const idle = await measurePictures(page, 3000)
    await page.goto(`${server.url}/#/charts`)
    await page.getByRole('button', { name: '1 h' }).click()
    await page.waitForTimeout(2500)
    const drawn: Pictures[] = []
    // Other work on the machine can make pictures late; what is late by itself is so each time.
    while (drawn.length < 3 && !drawn.some(isSmooth))
      drawn.push(await measurePictures(page, AN_HOUR_DRAWN_MS))
    process.stdout.write(
      `nothing to draw: ${describePictures(idle)}\ncharts: ${drawn.map(describePictures).join('; ')}\n`,
    )
    expect(await page.locator('.plot canvas').count()).toBe(8)
    expect(Math.max(...drawn.map(({ perSecond }) => perSecond))).toBeGreaterThan(SMOOTH_PER_SECOND)
    expect(Math.min(...drawn.map(({ busy }) => busy))).toBeLessThan(MOSTLY_FREE)
    expectCalm()
    await page.context().close()
  })

  test('looks closer at a stretch of time on all charts, and comes back to now', async () => {
    await using server = await serve()
    const { page, expectCalm } = await openPage(browser, server.url, 'charts')
    // It is made anew once its lines are known.
    await page.locator('[data-chart=lag-ms] .legend dd').first().waitFor()
    const plot = page.locator('[data-chart=lag-ms] .u-over')
    await expect.poll(() => plot.boundingBox()).not.toBeNull()
    const box = (await plot.boundingBox()) as { x: number; y: number }
    await page.mouse.move(box.x + 50, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + 150, box.y + 40, { steps: 5 })
    await page.mouse.up()
    await page.getByText(SHOWN_STRETCH).waitFor()
    await page.getByRole('button', { name: 'Back to now' }).click()
    await page.getByRole('button', { name: '5 min', pressed: true }).waitFor()
    expectCalm()
    await page.context().close()
  })

  test('looks closer, earlier and back to now with the keyboard alone, seen and heard', async () => {
    await using server = await serve()
    const { page, expectCalm } = await openPage(browser, server.url, 'charts')
    await page.locator('[data-chart=lag-ms] .u-over').waitFor()
    const said = page.locator('header [role=status]')
    await tabTo(page, 'Look closer')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    const [from, to] = stretchOf(await said.innerText())
    expect(to - from).toBeCloseTo(75, 0)
    await tabTo(page, 'Earlier')
    for (let times = 0; times < 4; times++) await page.keyboard.press('Enter')
    const [earlierFrom, earlierTo] = stretchOf(await said.innerText())
    expect(earlierTo - earlierFrom).toBeCloseTo(75, 0)
    expect(from - earlierFrom).toBeCloseTo(150, 0)
    // What is shown of the past does not go on, on any chart.
    const figures = page.locator('.charts .legend dd')
    await page.waitForTimeout(500)
    const before = await figures.allInnerTexts()
    await page.waitForTimeout(2500)
    expect(await figures.allInnerTexts()).toEqual(before)
    expect(await seriousFindings(page)).toEqual([])
    await tabTo(page, 'Back to now')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: '5 min', pressed: true }).waitFor()
    await expect.poll(() => figures.allInnerTexts()).not.toEqual(before)
    // Whoever was on the button still is.
    expect(await focused(page)).toMatchObject({ name: 'Back to now' })
    expectCalm()
    await page.context().close()
  })

  test('asks for a token where one is needed, keeps it for the tab, and goes on', async () => {
    await using server = await serve('secret')
    const { page, expectCalm } = await openPage(browser, server.url, 'herd')
    await page.getByLabel('Token').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
    await page.getByLabel('Token').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('This needs a token.').waitFor()
    await page.getByLabel('Token').fill('secret')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForSelector('[data-node="main-20"]')
    await page.reload()
    await page.waitForSelector('[data-node="main-20"]')
    expect(await page.evaluate('localStorage.length')).toBe(0)
    expectCalm()
    await page.context().close()
  })
})

const SHOWN_STRETCH = /^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/

/** Seconds since midnight. */
function stretchOf(text: string): [number, number] {
  expect(text).toMatch(SHOWN_STRETCH)
  const [from = 0, to = 0] = text.split(' to ').map((clock) => {
    const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number)
    return hours * 3600 + minutes * 60 + seconds
  })
  return [from, to < from ? to + 86_400 : to]
}

/** Goes on to the control of this name, which then shows that it has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let steps = 0; steps < 40; steps++) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    if (now.name !== name) continue
    expect(now.outline).toBe('solid')
    return
  }
  throw new Error(`The keyboard does not lead to "${name}".`)
}

function focused(page: Page): Promise<{ name: string; outline: string }> {
  return page.evaluate(`({
    name: document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent,
    outline: getComputedStyle(document.activeElement).outlineStyle,
  })`)
}

interface Pictures {
  perSecond: number
  late: number
  longest: number
  /** The share of time the page's thread worked, by its own clock: other work on the machine does not count. */
  busy: number
}

function isSmooth({ perSecond }: Pictures): boolean {
  return perSecond > SMOOTH_PER_SECOND
}

async function measurePictures(page: Page, forMs: number): Promise<Pictures> {
  const tools = await page.context().newCDPSession(page)
  await tools.send('Performance.enable')
  const workedMs = async () => {
    const { metrics } = await tools.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN) * 1000
  }
  const before = await workedMs()
  const pictures = (await page.evaluate(measurePicturesFor(forMs))) as Pictures
  return { ...pictures, busy: ((await workedMs()) - before) / forMs }
}

function describePictures({ perSecond, late, longest, busy }: Pictures): string {
  const [rate, percent] = [perSecond.toFixed(1), Math.round(busy * 100)]
  return `${rate} pictures a second, ${late} late, longest ${Math.round(longest)} ms, ${percent} % busy`
}

/** How the pictures of some seconds came; one is late when it missed its turn. */
const measurePicturesFor = (forMs: number) => `new Promise((resolve) => {
  const times = []
  const step = (now) => {
    times.push(now)
    if (now - times[0] < ${forMs}) return requestAnimationFrame(step)
    const gaps = times.slice(1).map((time, index) => time - times[index])
    resolve({
      perSecond: (gaps.length * 1000) / (now - times[0]),
      late: gaps.filter((gap) => gap > 25).length,
      longest: Math.max(...gaps),
    })
  }
  requestAnimationFrame(step)
})`

async function serve(token: string | null = null): Promise<AsyncDisposable & { url: string }> {
  const server = new FakeStream(token)
  const url = await server.listen()
  return { url, [Symbol.asyncDispose]: () => server.close() }
}
