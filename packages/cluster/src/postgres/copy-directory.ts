import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { ServerUser } from './server-user.js'

/** How far a copy is. What is written to meanwhile grows, so it may end with more than it said. */
export interface CopyProgress {
  readonly bytes: number
  readonly total: number
}

export interface CopyOptions {
  /** Who shall own the copy; null for ourselves. */
  user: ServerUser | null
  /** Leaves a path (relative to the top, with `/`) out, and all below it. */
  skip?: (relativePath: string) => boolean
  onProgress?: (progress: CopyProgress) => void
  /** Cuts the copy off; it rejects with the reason. */
  signal?: AbortSignal
}

interface Copy extends CopyOptions {
  /** Also when any file could not be copied: the others need not be. */
  signal: AbortSignal
  from: string
  to: string
  /** Until the file system says that it cannot share blocks between files. */
  clones: boolean
  buffer: Buffer
  folders: string[]
  files: string[]
  bytes: number
  total: number
}

/** Up to here a file is copied in one synchronous read and write: three times faster than by promises. */
const SMALL_BYTES = 256 * 1024
const CHUNK_BYTES = 1024 * 1024
const CONCURRENCY = 8
/** The event loop gets its turn this often; health checks of other nodes run on it. */
const TURN_MS = 4
/** Copied last, so that the copy never claims a checkpoint that its files do not have yet. */
const CONTROL_FILE = 'global/pg_control'

/**
 * Copies a data directory, also one that a server is writing to: files that vanish or change meanwhile
 * are no error, the WAL replayed afterwards makes up for them. Blocks are shared where the file system can.
 *
 * A `pg_wal` that is a symbolic link becomes a folder, since two servers must never share one.
 *
 * Throws NO_SPACE or PERMISSION_DENIED with the path, OPERATION_FAILED when there are tablespaces or
 * there is nothing to copy. What was copied until then stays, and nothing is written any more.
 */
export async function copyDirectory(from: string, to: string, options: CopyOptions): Promise<void> {
  const failed = new AbortController()
  const copy: Copy = {
    ...options,
    signal: AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]),
    from,
    to,
    clones: true,
    buffer: Buffer.allocUnsafe(SMALL_BYTES),
    folders: [],
    files: [],
    bytes: 0,
    total: 0,
  }
  if (statSync(from, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new HerdError('OPERATION_FAILED', `${from} is not there to be copied.`)
  }
  copy.signal.throwIfAborted()
  copyFolder(copy, '')
  if (copy.onProgress !== undefined) copy.total = sizeOf(copy)
  const big = await copySmallFiles(copy)
  await forEachAtOnce(big, failed, (path) => copyBigFile(copy, path))
  if (copy.files.includes(CONTROL_FILE)) copySmallFile(copy, CONTROL_FILE)
}

function sizeOf({ from, files }: Copy): number {
  return files.reduce(
    (sum, path) => sum + (statSync(join(from, path), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

function note(copy: Copy, bytes: number): void {
  copy.bytes += bytes
  copy.onProgress?.({ bytes: copy.bytes, total: Math.max(copy.total, copy.bytes) })
}

/** Makes the folders and notes the files. */
function copyFolder(copy: Copy, folder: string): void {
  const source = join(copy.from, folder)
  const entries = unlessVanished(source, () => readdirSync(source, { withFileTypes: true }))
  if (entries === null) return
  makeFolder(copy, folder)
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (copy.skip?.(path)) continue
    if (entry.isDirectory() || (entry.isSymbolicLink() && path === 'pg_wal')) copyFolder(copy, path)
    else if (entry.isFile()) copy.files.push(path)
    else if (entry.isSymbolicLink()) copyLink(copy, path)
  }
}

function makeFolder(copy: Copy, folder: string): void {
  const target = join(copy.to, folder)
  reportingAt(target, () => {
    const mode = statSync(join(copy.from, folder), { throwIfNoEntry: false })?.mode ?? 0o700
    mkdirSync(target, { recursive: true })
    chmodSync(target, mode & 0o777)
    if (copy.user) chownSync(target, copy.user.uid, copy.user.gid)
  })
  copy.folders.push(folder)
}

function copyLink(copy: Copy, path: string): void {
  if (path.startsWith('pg_tblspc/')) {
    throw new HerdError(
      'OPERATION_FAILED',
      `${copy.from} has a tablespace (${path}), and a herd cannot hold tablespaces: its nodes would share one folder.`,
      { hint: 'Move its tables to pg_default and drop the tablespace.' },
    )
  }
  const link = unlessVanished(join(copy.from, path), () => readlinkSync(join(copy.from, path)))
  if (link !== null) reportingAt(join(copy.to, path), () => symlinkSync(link, join(copy.to, path)))
}

/** Copies what is small, in slices of time; returns what is big. */
async function copySmallFiles(copy: Copy): Promise<string[]> {
  const big: string[] = []
  let turnEnds = performance.now() + TURN_MS
  for (const path of copy.files) {
    copy.signal.throwIfAborted()
    if (path !== CONTROL_FILE && !copySmallFile(copy, path)) big.push(path)
    if (performance.now() > turnEnds) {
      await nextTurn()
      turnEnds = performance.now() + TURN_MS
    }
  }
  return big
}

/** False when the file is too big to be copied at one go. */
function copySmallFile(copy: Copy, path: string): boolean {
  if (clone(copy, path)) return true
  const source = openSource(join(copy.from, path))
  if (source === null) return true
  try {
    const { mode, size } = fstatSync(source)
    if (size >= SMALL_BYTES) return false
    const length = readSync(source, copy.buffer, 0, SMALL_BYTES, 0)
    if (length === SMALL_BYTES) return false
    reportingAt(join(copy.to, path), () => writeSmall(copy, path, mode & 0o777, length))
    note(copy, length)
    return true
  } finally {
    closeSync(source)
  }
}

function writeSmall(copy: Copy, path: string, mode: number, length: number): void {
  const target = openSync(join(copy.to, path), 'w', mode)
  try {
    for (let at = 0; at < length; ) at += writeSync(target, copy.buffer, at, length - at)
    if (mode & ~0o700) fchmodSync(target, mode)
    if (copy.user) fchownSync(target, copy.user.uid, copy.user.gid)
  } finally {
    closeSync(target)
  }
}

/**
 * Not `fs.copyFile`: libuv copies as many bytes as the file had at first, and spins for ever when the
 * server truncates it meanwhile (seen with Node 20: DROP TABLE does that). This stops at the end of file.
 */
async function copyBigFile(copy: Copy, path: string): Promise<void> {
  copy.signal.throwIfAborted()
  const source = await openSourceLater(join(copy.from, path))
  if (source === null) return
  const target = join(copy.to, path)
  try {
    const mode = (await source.stat()).mode & 0o777
    await reportingLaterAt(target, () => writeBig(copy, source, target, mode))
  } finally {
    await source.close()
  }
}

async function writeBig(copy: Copy, source: FileHandle, path: string, mode: number): Promise<void> {
  const target = await open(path, 'w', mode)
  try {
    await pour(source, target, (bytes) => {
      note(copy, bytes)
      copy.signal.throwIfAborted()
    })
    await target.chmod(mode)
    if (copy.user) await target.chown(copy.user.uid, copy.user.gid)
  } finally {
    await target.close()
  }
}

async function pour(source: FileHandle, target: FileHandle, told: (bytes: number) => void): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (;;) {
    const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES)
    if (bytesRead === 0) return
    for (let at = 0; at < bytesRead; ) at += (await target.write(buffer, at, bytesRead - at)).bytesWritten
    told(bytesRead)
  }
}

/** Copies by sharing blocks, which is at once and always whole. False where the file system cannot. */
function clone(copy: Copy, path: string): boolean {
  if (!copy.clones) return false
  const target = join(copy.to, path)
  try {
    copyFileSync(join(copy.from, path), target, constants.COPYFILE_FICLONE_FORCE)
    if (copy.user) chownSync(target, copy.user.uid, copy.user.gid)
    if (copy.onProgress !== undefined) note(copy, statSync(target).size)
    return true
  } catch {
    // Whatever the reason, the plain copy either works or says what is wrong.
    copy.clones = false
    return false
  }
}

/** Rejects only when all have ended: whoever copies again to the same place must be alone there. */
async function forEachAtOnce(
  paths: string[],
  failed: AbortController,
  act: (path: string) => Promise<void>,
): Promise<void> {
  const queue = paths.values()
  const worker = async () => {
    for (const path of queue)
      await act(path).catch((error: unknown) => {
        failed.abort(error)
        throw error
      })
  }
  await Promise.allSettled(Array.from({ length: CONCURRENCY }, worker))
  failed.signal.throwIfAborted()
}

function openSource(path: string): number | null {
  return unlessVanished(path, () => openSync(path, 'r'))
}

async function openSourceLater(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw copyFailure(path, error)
  }
}

function unlessVanished<T>(path: string, act: () => T): T | null {
  try {
    return reportingAt(path, act)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function reportingAt<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw copyFailure(path, error)
  }
}

async function reportingLaterAt(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    throw copyFailure(path, error)
  }
}

function copyFailure(path: string, cause: unknown): unknown {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new HerdError('NO_SPACE', `There is no space left to write ${path}.`, { cause })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HerdError('PERMISSION_DENIED', `The operating system refused access to ${path}.`, { cause })
    default:
      return cause
  }
}
