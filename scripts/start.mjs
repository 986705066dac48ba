// `npm start`: installs and builds what is missing, then runs `pgherd up` in the foreground. package.json
// starts it with `exec`, since the shell in between would keep npm's signals to itself.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled } from './ensure-installed.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

ensureInstalled()
const built = build()
if (built !== 0) process.exit(built)
runForeground(['packages/pgherd/dist/bin.js', 'up', ...process.argv.slice(2)])

/** Runs until the child ends, and ends as it did; a signal never makes this process leave it behind. */
function runForeground(args) {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  const forwarded = new Set()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C reaches every process of the terminal by itself, and npm sends it to us once more.
      if (forwarded.has(signal) || (signal !== 'SIGTERM' && hasTerminal())) return
      forwarded.add(signal)
      child.kill(signal)
    })
  }
  child.on('error', (error) => {
    throw error
  })
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
  })
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
