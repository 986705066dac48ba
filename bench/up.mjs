// From the command typed to three nodes streaming, against the same steps by hand, in turn. By hand there is
// no proxy, so the herd has none either; what the proxy adds is shown beside.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clusterByHand } from './by-hand.mjs'
import { median, report, spread } from './figures.mjs'
import { makeScratch } from './scratch.mjs'

const ROUNDS = Number(process.argv[2] ?? 5)
const bin = fileURLToPath(new URL('../packages/pgherd/dist/bin.js', import.meta.url))
const scratch = makeScratch()
const pgherd = (cwd, ...args) => {
  const beganMs = performance.now()
  execFileSync(process.execPath, [bin, ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  return performance.now() - beganMs
}
const fresh = []
const restart = []
const byHand = []
const withProxy = []
try {
  // The first herd on a machine makes the template; that is not what is measured.
  for (let round = 0; round <= ROUNDS; round++) {
    const cwd = join(scratch.dir, `herd-${round}`)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'herd.yaml'), 'name: herd\nproxy: false\n')
    const upMs = pgherd(cwd, 'up', '--detach', '--port', '5600')
    pgherd(cwd, 'down')
    const againMs = pgherd(cwd, 'up', '--detach')
    pgherd(cwd, 'down')
    const hand = await clusterByHand(join(scratch.dir, `hand-${round}`), 5610)
    hand.stop()
    const served = join(scratch.dir, `served-${round}`)
    mkdirSync(served)
    const servedMs = pgherd(served, 'up', '--detach', '--port', 'auto')
    pgherd(served, 'down')
    if (round === 0) continue
    fresh.push(upMs)
    restart.push(againMs)
    byHand.push(hand.tookMs)
    withProxy.push(servedMs)
  }
} finally {
  scratch.remove()
}
const ratio = median(fresh.map((ms, index) => ms / byHand[index]))
const met = report(
  'up',
  [
    {
      what: 'new herd, command to three nodes streaming (median)',
      value: median(fresh),
      limit: 2000,
      unit: 'ms',
    },
    { what: 'the same steps by hand (median)', value: median(byHand), unit: 'ms' },
    { what: 'ratio, median of pairs', value: ratio, limit: 1.5, unit: 'times' },
    {
      what: 'existing herd, command to three nodes streaming (median)',
      value: median(restart),
      limit: 1000,
      unit: 'ms',
    },
    {
      what: 'new herd and its proxy, command to both serving (median)',
      value: median(withProxy),
      unit: 'ms',
    },
  ],
  { fresh: spread(fresh), byHand: spread(byHand), restart: spread(restart), rounds: ROUNDS },
)
process.exitCode = met ? 0 : 1
