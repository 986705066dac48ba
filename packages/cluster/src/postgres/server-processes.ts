import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { readPostmasterPidFile } from './postmaster-pid-file.js'

/** The processes of one server: its postmaster, and everything else that works on its data directory. */
export interface ServerProcesses {
  postmaster: number | null
  /** Backends and helpers, orphaned ones too. */
  others: number[]
}

interface Process {
  pid: number
  parent: number
  isPostgres: boolean
}

/**
 * Finds every process of the server of `dataDir` in one look, a few milliseconds.
 *
 * PostgreSQL changes into its data directory, so a process's working directory tells whose it is, even
 * when its postmaster is gone; process groups do not, because backends leave them (`setsid`). A person's
 * shell standing in the folder is not one of them: only PostgreSQL and what it started counts.
 */
export function findServerProcesses(dataDir: string): ServerProcesses {
  const dir = realDirectory(dataDir)
  const found = process.platform === 'linux' ? scanProc(dir) : scanPs(dir)
  const byPid = new Map(found.map((each) => [each.pid, each]))
  const members = found.filter((each) => descendsFromPostgres(each, byPid)).map((each) => each.pid)
  const named = readPostmasterPidFile(dataDir)?.pid
  const postmaster = named !== undefined && members.includes(named) ? named : null
  return { postmaster, others: members.filter((pid) => pid !== postmaster) }
}

/** Is `pid` a live PostgreSQL process of that data directory? Process ids are used again, so it is looked at. */
export function isServerProcess(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false
  const { postmaster, others } = findServerProcesses(dataDir)
  return postmaster === pid || others.includes(pid)
}

/** Is there such a process, and is it more than a zombie whose parent has not asked for it? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return process.platform !== 'linux' || !'ZX'.includes(readStat(pid)?.state ?? 'X')
}

/** Has it been stopped by a signal (SIGSTOP)? Known on Linux only. */
export function isPaused(pid: number): boolean {
  return process.platform === 'linux' && readStat(pid)?.state === 'T'
}

function realDirectory(dataDir: string): string {
  try {
    return realpathSync(dataDir)
  } catch {
    return resolve(dataDir)
  }
}

function descendsFromPostgres(start: Process, byPid: ReadonlyMap<number, Process>): boolean {
  for (let at: Process | undefined = start; at; at = byPid.get(at.parent)) {
    if (at.isPostgres) return true
  }
  return false
}

/** Processes whose working directory is `dir`, also after `dir` was deleted under them. */
function scanProc(dir: string): Process[] {
  const found: number[] = []
  const hidden: number[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      if (isThat(dir, readlinkSync(`/proc/${name}/cwd`))) found.push(pid)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') hidden.push(pid)
    }
  }
  if (hidden.length > 0 && process.getuid?.() === 0) found.push(...scanHidden(dir, hidden))
  return found.flatMap((pid) => {
    const stat = readStat(pid)
    return stat ? [{ pid, parent: stat.parent, isPostgres: isPostgresName(stat.name) }] : []
  })
}

/**
 * Root in a container usually lacks CAP_SYS_PTRACE and then may not see where processes of another
 * account stand; that account itself may, so a shell is run as it.
 */
function scanHidden(dir: string, pids: number[]): number[] {
  const byOwner = new Map<string, { uid: number; gid: number; pids: number[] }>()
  for (const pid of pids) {
    if (!isPostgresName(readStat(pid)?.name ?? '')) continue
    const owner = statSync(`/proc/${pid}`, { throwIfNoEntry: false })
    if (!owner || owner.uid === 0) continue
    const key = `${owner.uid}:${owner.gid}`
    const group = byOwner.get(key) ?? { uid: owner.uid, gid: owner.gid, pids: [] }
    group.pids.push(pid)
    byOwner.set(key, group)
  }
  const script = 'for p do printf "%s " "$p"; readlink "/proc/$p/cwd" || echo; done 2>/dev/null'
  return [...byOwner.values()].flatMap(({ uid, gid, pids: owned }) => {
    const lines = execFileSync('/bin/sh', ['-c', script, 'sh', ...owned.map(String)], {
      uid,
      gid,
      cwd: '/',
      encoding: 'utf8',
    })
    return lines.split('\n').flatMap((line) => {
      const space = line.indexOf(' ')
      return space > 0 && isThat(dir, line.slice(space + 1)) ? [Number(line.slice(0, space))] : []
    })
  })
}

function isThat(dir: string, cwd: string): boolean {
  return cwd === dir || cwd === `${dir} (deleted)`
}

function isPostgresName(name: string): boolean {
  return name.startsWith('postgres') || name.startsWith('postmaster')
}

/** Fields of /proc/PID/stat; the name stands in parentheses and may hold any character. */
function readStat(pid: number): { name: string; state: string; parent: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const end = text.lastIndexOf(')')
    const [state = '', parent = ''] = text.slice(end + 2).split(' ')
    return { name: text.slice(text.indexOf('(') + 1, end), state, parent: Number(parent) }
  } catch {
    return null
  }
}

/** macOS has no /proc: `lsof` tells the working directory of PostgreSQL processes. */
function scanPs(dir: string): Process[] {
  const run = (program: string, args: string[]) => {
    try {
      return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    } catch (error) {
      // lsof exits 1 when one of the processes is gone, and still lists the others.
      return String((error as { stdout?: string }).stdout ?? '')
    }
  }
  const inDir: number[] = []
  let pid = 0
  for (const line of run('lsof', ['-a', '-d', 'cwd', '-c', 'postgres', '-F', 'pn']).split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1))
    else if (line.startsWith('n') && isThat(dir, line.slice(1))) inDir.push(pid)
  }
  if (inDir.length === 0) return []
  return run('ps', ['-o', 'pid=,ppid=,state=', '-p', inDir.join(',')])
    .split('\n')
    .flatMap((line) => {
      const [id, parent, state] = line.trim().split(/\s+/)
      return id && !state?.startsWith('Z')
        ? [{ pid: Number(id), parent: Number(parent), isPostgres: true }]
        : []
    })
}
