// Every benchmark, one after the other, or the one that is named, with what is said after its name; the exit
// code says whether all limits were met.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ALL = ['up', 'failover', 'switchover', 'idle', 'client', 'proxy', 'soak', 'sharding', 'sharded-herd']
const [wanted, ...args] = process.argv.slice(2)
if (wanted !== undefined && !ALL.includes(wanted)) {
  console.error(`There is no benchmark "${wanted}"; there are ${ALL.join(', ')}.`)
  process.exit(2)
}
let exitCode = 0
for (const name of wanted === undefined ? ALL : [wanted]) {
  const program = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit' })
  exitCode = Math.max(exitCode, status ?? 1)
}
process.exitCode = exitCode
