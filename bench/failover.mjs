// kill -9 and SIGSTOP of the primary under 8 writers: how long until the next acknowledged write.
import { report, spread } from './figures.mjs'
import { openHerdUnderTest } from './herd-under-test.mjs'
import { makeScratch } from './scratch.mjs'
import { account, Writers } from './writers.mjs'

const KILLS = Number(process.argv[2] ?? 20)
const HANGS = Number(process.argv[3] ?? 6)
const scratch = makeScratch()
const herd = await openHerdUnderTest(scratch)
const writers = new Writers(herd, 8)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function round(disturb) {
  await herd.whenWhole()
  await pause(300)
  const before = herd.primaryOf().name
  const status = await herd.status({ fresh: false })
  const pid = status.groups[0].nodes.find((node) => node.name === before).pid
  const beganMs = performance.now()
  await disturb(before, pid)
  // A write that was under way when the blow fell may still be acknowledged by the old primary.
  while (herd.primaryOf().name === before) await pause(1)
  const announcedMs = performance.now() - beganMs
  const acknowledgedMs = (await writers.nextAfter(beganMs + announcedMs)) - beganMs
  return { announcedMs, acknowledgedMs }
}

const killed = []
const hung = []
const postmasterHung = []
try {
  for (let i = 0; i < KILLS; i++) killed.push(await round((_, pid) => process.kill(pid, 'SIGKILL')))
  for (let i = 0; i < HANGS; i++) hung.push(await round((name) => herd.disturb(name, 'pause')))
  for (let i = 0; i < HANGS; i++) postmasterHung.push(await round((_, pid) => process.kill(pid, 'SIGSTOP')))
  await herd.whenWhole()
} finally {
  await writers.stop()
}
const balance = await account(herd, writers)
await herd.stop()
scratch.remove()

const acks = (rounds) => spread(rounds.map((each) => each.acknowledgedMs))
const met = report(
  'failover',
  [
    {
      what: `kill -9, ${KILLS} rounds: next acknowledged write, median`,
      value: acks(killed).median,
      limit: 400,
      unit: 'ms',
    },
    { what: 'kill -9: maximum', value: acks(killed).max, limit: 1000, unit: 'ms' },
    {
      what: `every process stopped (SIGSTOP), ${HANGS} rounds: maximum`,
      value: acks(hung).max,
      limit: 2500,
      unit: 'ms',
    },
    {
      what: `postmaster alone stopped, ${HANGS} rounds: maximum`,
      value: acks(postmasterHung).max,
      limit: 2500,
      unit: 'ms',
    },
    { what: 'acknowledged writes', value: balance.acknowledged, unit: '' },
    { what: 'acknowledged writes lost', value: balance.lost, limit: 0, unit: '' },
    { what: 'duplicates', value: balance.duplicates, limit: 0, unit: '' },
  ],
  { killed, hung, postmasterHung, errorsSeenByWriters: writers.errors },
)
process.exitCode = met ? 0 : 1
