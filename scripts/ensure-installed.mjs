// Puts node_modules in the state that package-lock.json asks for, if it is not in it already.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const LOCK = new URL('../package-lock.json', import.meta.url)
const STAMP = new URL('../node_modules/.pgherd-lock-hash', import.meta.url)
/** What npm writes last when it has installed. */
const INSTALLED = new URL('../node_modules/.package-lock.json', import.meta.url)

/** Installs what is missing. Ends the process with npm's exit code when that fails. */
export function ensureInstalled() {
  const wanted = createHash('sha256').update(readFileSync(LOCK)).digest('hex')
  if (readStamp() === wanted) return
  if (!isNewerThanLock()) install()
  writeFileSync(STAMP, wanted)
}

/** Somebody may have run `npm ci` or `npm install` by hand: then there is nothing left to do. */
function isNewerThanLock() {
  try {
    return statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs
  } catch {
    return false
  }
}

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8')
  } catch {
    return null
  }
}

function install() {
  console.error('Installing dependencies (npm ci) ...')
  const [command, ...args] = npm()
  // stdout belongs to what runs afterwards, which may print JSON.
  const { status, error } = spawnSync(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: ROOT,
    stdio: ['ignore', process.stderr, process.stderr],
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

/** The npm that runs this script, or the one on the path when it was started with node alone. */
function npm() {
  const running = process.env.npm_execpath ?? ''
  return basename(running) === 'npm-cli.js' ? [process.execPath, running] : ['npm']
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) ensureInstalled()
