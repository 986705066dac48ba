import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunningServer, Server, ServerUser } from '../postgres/index.js'

/** The file that PostgreSQL looks for when it is signalled (xlog.h, `PROMOTE_SIGNAL_FILE`). */
const PROMOTE_FILE = 'promote'

/**
 * Asks a standby to become primary on timeline `timeline`, and does not wait for it.
 *
 * PostgreSQL takes the first number above its own for which it has no history file
 * (`findNewestTimeLine`), so two standbys that were promoted one after the other, neither knowing of the
 * other, would begin different timelines of one number. The numbers in between therefore get a history
 * file that says nothing; a timeline without a history is nobody's child, so nobody follows it.
 */
export async function promoteStandby(
  server: Server,
  running: RunningServer,
  user: ServerUser | null,
  timelines: { own: number; wanted: number },
): Promise<void> {
  for (let skipped = timelines.own + 1; skipped < timelines.wanted; skipped++) {
    const name = `${skipped.toString(16).toUpperCase().padStart(8, '0')}.history`
    await writeUnlessThere(join(server.dataDir, 'pg_wal', name), '# skipped by pgherd\n', user)
  }
  await writeUnlessThere(join(server.dataDir, PROMOTE_FILE), '', user)
  process.kill(running.pid, 'SIGUSR1')
}

async function writeUnlessThere(path: string, text: string, user: ServerUser | null): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
    if (user !== null) await chown(path, user.uid, user.gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
