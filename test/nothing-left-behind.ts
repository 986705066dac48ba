import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Leftover {
  pid: number
  command: string
}

/**
 * Gives the whole run one temporary folder, and fails it when a process that works there is still alive
 * at its end: a PostgreSQL server, a supervisor, whatever a test forgot. Runs of other checkouts have
 * folders of their own.
 */
export default function giveTemporaryFolder(): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pgherd-run-')))
  // Run as root, servers belong to another account, which must be able to pass.
  chmodSync(folder, 0o755)
  process.env.TMPDIR = folder
  process.env.PGHERD_DATA = join(folder, 'data')
  return () => {
    const left = findLeftovers(folder)
    for (const { pid } of left) killIfThere(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    if (left.length === 0) return
    const lines = left.map(({ pid, command }) => `  ${pid}  ${command}`)
    // vitest prints what is thrown here, but ends as if nothing were wrong.
    process.exitCode = 1
    throw new Error(`Tests left ${left.length} processes running (ended now):\n${lines.join('\n')}`)
  }
}

/** Processes that have this folder in their command line or as their working directory. */
export function findLeftovers(folder: string): Leftover[] {
  const all = process.platform === 'linux' ? listFromProc() : listFromPs()
  return all
    .filter(({ pid }) => pid !== process.pid)
    .filter(({ command, workingFolder }) => command.includes(folder) || isWithin(folder, workingFolder))
    .map(({ pid, command }) => ({ pid, command }))
}

function isWithin(folder: string, path: string | null): boolean {
  return path !== null && (path === folder || path.startsWith(`${folder}/`))
}

function listFromProc(): (Leftover & { workingFolder: string | null })[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return [{ pid: Number(name), command, workingFolder: readWorkingFolder(name) }]
      } catch {
        return []
      }
    })
}

function readWorkingFolder(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}

function listFromPs(): (Leftover & { workingFolder: null })[] {
  const text = execFileSync('ps', ['-axo', 'pid=,command='], { encoding: 'utf8' })
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [pid = '', ...words] = line.trim().split(' ')
      return { pid: Number(pid), command: words.join(' '), workingFolder: null }
    })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in between.
  }
}
