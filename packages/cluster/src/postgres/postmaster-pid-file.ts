import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What a running server says about itself in `postmaster.pid` (PostgreSQL's miscinit.c and pidfile.h). */
export interface PostmasterPidFile {
  pid: number
  /** `starting`, `stopping`, `ready`, `standby`; empty before the first of them is written. */
  status: string
  writtenAtMs: number
}

/** Reads it; null when it is absent or only half written. */
export function readPostmasterPidFile(dataDir: string): PostmasterPidFile | null {
  try {
    const path = join(dataDir, 'postmaster.pid')
    const lines = readFileSync(path, 'utf8').split('\n')
    const pid = Number.parseInt(lines[0] ?? '', 10)
    if (!Number.isInteger(pid) || pid <= 0) return null
    return { pid, status: (lines[7] ?? '').trim(), writtenAtMs: statSync(path).mtimeMs }
  } catch (error) {
    // Also where a file is in the way of the folder: no server is there.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
