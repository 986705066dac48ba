import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const PROGRAM = process.env.PGHERD_CHROMIUM ?? '/usr/bin/chromium'
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
]

/** Whether there is a browser to test in; says why not. */
export function hasChromium(): boolean {
  const isThere = existsSync(PROGRAM)
  if (!isThere)
    process.stdout.write(
      `skipped: there is no browser at ${PROGRAM} (apt-get install chromium, or PGHERD_CHROMIUM)\n`,
    )
  return isThere
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: PROGRAM, args: ARGUMENTS })
}

export const LAPTOP = { width: 1280, height: 800 }
export const SIZES = {
  phone: { width: 390, height: 844 },
  laptop: LAPTOP,
  wide: { width: 1920, height: 1080 },
}

export interface OpenPage {
  page: Page
  /** Fails when the page complained, or asked anybody but the one that served it. */
  expectCalm(): void
}

/** The page at a view, in a browser that has never seen it. */
export async function openPage(
  browser: Browser,
  url: string,
  view: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: LAPTOP,
    locale: 'en',
    reducedMotion: 'no-preference',
    ...options,
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // Chromium tells of an answer that is an error by itself; the page shows those.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url())
  })
  await page.goto(`${url}/#/${view}`)
  return { page, expectCalm: () => expect(complaints).toEqual([]) }
}
