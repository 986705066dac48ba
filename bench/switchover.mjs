// A planned change of primary under 8 writers: how long writes stand still.
import { report, spread } from './figures.mjs'
import { openHerdUnderTest } from './herd-under-test.mjs'
import { makeScratch } from './scratch.mjs'
import { account, Writers } from './writers.mjs'

const ROUNDS = Number(process.argv[2] ?? 10)
const scratch = makeScratch()
const herd = await openHerdUnderTest(scratch)
const writers = new Writers(herd, 8)
const gaps = []
try {
  for (let round = 0; round < ROUNDS; round++) {
    await herd.whenWhole()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const beganMs = performance.now()
    await herd.switchover('main')
    const endedMs = performance.now()
    await writers.nextAfter(endedMs)
    const around = writers.acknowledgedAtMs.filter((atMs) => atMs > beganMs - 100)
    gaps.push(Math.max(...around.slice(1).map((atMs, index) => atMs - around[index])))
  }
} finally {
  await writers.stop()
}
const balance = await account(herd, writers)
await herd.stop()
scratch.remove()
const met = report(
  'switchover',
  [
    {
      what: `longest time without an acknowledged write, median of ${ROUNDS}`,
      value: spread(gaps).median,
      limit: 500,
      unit: 'ms',
    },
    { what: 'the same, maximum', value: spread(gaps).max, limit: 500, unit: 'ms' },
    { what: 'acknowledged writes lost', value: balance.lost, limit: 0, unit: '' },
    { what: 'duplicates', value: balance.duplicates, limit: 0, unit: '' },
  ],
  { gaps },
)
process.exitCode = met ? 0 : 1
