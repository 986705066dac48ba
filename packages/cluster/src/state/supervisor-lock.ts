import { randomBytes } from 'node:crypto'
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { HerdError } from '@pgherd/core'
import { asHerdError } from './durable-file.js'
import { startTokenOf } from './process-identity.js'

/** Who supervises a herd, and where it can be spoken to. */
export interface SupervisorRecord {
  pid: number
  startToken: string
  /** Path of its control socket. */
  socket: string
}

/** A takeover takes a millisecond; one that is older than this was cut off by a crash. */
const TAKEOVER_STALE_MS = 5000

/** The supervisor that holds this lock and is alive, or null. */
export function readSupervisor(lockFile: string): SupervisorRecord | null {
  const record = parseRecord(lockFile)
  return record !== null && startTokenOf(record.pid) === record.startToken ? record : null
}

/**
 * Makes this process the only supervisor. The record appears in one step (a hard link), so two that
 * start together cannot both succeed; the record of a process that is gone is taken over.
 *
 * Throws HERD_ALREADY_RUNNING.
 */
export function takeLock(lockFile: string, socket: string): SupervisorRecord {
  const record: SupervisorRecord = { pid: process.pid, startToken: startTokenOf(process.pid) ?? '', socket }
  const mine = `${lockFile}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(mine, JSON.stringify(record), { mode: 0o600 })
    for (let attempt = 0; attempt < 20; attempt++) {
      if (tryLink(mine, lockFile)) return record
      const holder = readSupervisor(lockFile)
      if (holder !== null) throw alreadyRunning(holder)
      removeStale(lockFile)
    }
  } catch (error) {
    throw asHerdError(error, lockFile)
  } finally {
    rmSync(mine, { force: true })
  }
  throw new HerdError('HERD_ALREADY_RUNNING', `The lock ${lockFile} is being taken by others over and over.`)
}

/** Gives the lock back, if it is still ours. */
export function releaseLock(lockFile: string, record: SupervisorRecord): void {
  const current = parseRecord(lockFile)
  if (current?.pid === record.pid && current.startToken === record.startToken)
    rmSync(lockFile, { force: true })
}

/** Only one may remove a stale lock at a time, or it could remove the fresh one of a third. */
function removeStale(lockFile: string): void {
  const guard = `${lockFile}.takeover`
  try {
    mkdirSync(guard)
  } catch {
    const age = ageMs(guard)
    if (age !== null && age > TAKEOVER_STALE_MS) rmSync(guard, { recursive: true, force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    return
  }
  try {
    if (readSupervisor(lockFile) !== null) return
    renameSync(lockFile, `${lockFile}.stale`)
    unlinkSync(`${lockFile}.stale`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  } finally {
    rmSync(guard, { recursive: true, force: true })
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function parseRecord(lockFile: string): SupervisorRecord | null {
  try {
    const value = JSON.parse(readFileSync(lockFile, 'utf8')) as Partial<SupervisorRecord>
    if (typeof value.pid !== 'number' || typeof value.startToken !== 'string') return null
    return { pid: value.pid, startToken: value.startToken, socket: value.socket ?? '' }
  } catch {
    return null
  }
}

function ageMs(path: string): number | null {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return null
  }
}

function alreadyRunning(holder: SupervisorRecord): HerdError {
  return new HerdError('HERD_ALREADY_RUNNING', `This herd is already supervised by process ${holder.pid}.`, {
    hint: 'Look at it with "pgherd status", or stop it with "pgherd down".',
  })
}
