// What the supervisor costs while nothing happens.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSupervisor } from '@pgherd/cluster'
import { report } from './figures.mjs'
import { makeScratch } from './scratch.mjs'

const SECONDS = Number(process.argv[2] ?? 30)
const TICKS_PER_SECOND = 100
const scratch = makeScratch()
const bin = fileURLToPath(new URL('../packages/pgherd/dist/bin.js', import.meta.url))
const pgherd = (...args) =>
  execFileSync(process.execPath, [bin, ...args], { cwd: scratch.dir, stdio: ['ignore', 'ignore', 'inherit'] })
pgherd('up', '--detach', '--port', 'auto')
const { pid } = readSupervisor(join(scratch.dir, '.pgherd/herd/supervisor.lock'))

function cpuSeconds() {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function residentMegabytes() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

await new Promise((resolve) => setTimeout(resolve, 8000))
const before = cpuSeconds()
await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000))
const percent = ((cpuSeconds() - before) / SECONDS) * 100
const megabytes = residentMegabytes()
pgherd('down', '--destroy', '--yes')
scratch.remove()
const met = report('idle', [
  {
    what: `supervisor of three idle nodes, CPU over ${SECONDS} s`,
    value: percent,
    limit: 1,
    unit: '% of a core',
  },
  { what: 'resident memory', value: megabytes, limit: 120, unit: 'MB' },
])
process.exitCode = met ? 0 : 1
