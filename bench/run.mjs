// Every benchmark, one after the other; the exit code says whether all limits were met.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

let missed = 0
for (const name of ['up', 'failover', 'switchover', 'idle']) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.mjs`, import.meta.url))], {
    stdio: 'inherit',
  })
  if (status !== 0) missed++
}
process.exitCode = missed === 0 ? 0 : 1
