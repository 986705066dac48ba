import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

/** Where Debian and others install it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The browser's program; null when this machine has none. `CHROMIUM` says where else it is. */
export function findChromium(): string | null {
  const places = [process.env.CHROMIUM ?? '', ...PLACES, chromium.executablePath()]
  return places.find((place) => place !== '' && existsSync(place)) ?? null
}
