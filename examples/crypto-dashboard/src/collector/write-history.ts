import type { SimulatedSource } from '../source/simulated-source.js'
import { type Second, storeReadings } from './store-readings.js'

const SECONDS_AT_ONCE = 600

/** Gives an empty herd a past to look at: the seconds before `endMs`, out of the same simulated market. */
export async function writeHistory(
  pool: Parameters<typeof storeReadings>[0],
  source: SimulatedSource,
  { endMs, seconds }: { endMs: number; seconds: number },
): Promise<void> {
  let block: Second[] = []
  for (let left = seconds; left > 0; left--) {
    block.push({ atMs: endMs - left * 1000, quotes: source.nextSecond() })
    if (block.length < SECONDS_AT_ONCE && left > 1) continue
    await storeReadings(pool, block)
    block = []
  }
}
