import { chown, link, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunningServer, Server, ServerUser } from '../postgres/index.js'

/** The file that PostgreSQL looks for when it is signalled (xlog.h, `PROMOTE_SIGNAL_FILE`). */
const PROMOTE_FILE = 'promote'
const SKIPPED = '# skipped by pgherd\n'

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
    await writeUnlessThere(join(server.dataDir, 'pg_wal', name), SKIPPED, user)
  }
  await writeUnlessThere(join(server.dataDir, PROMOTE_FILE), '', user)
  process.kill(running.pid, 'SIGUSR1')
}

/**
 * Takes back numbers that were to be skipped by a promotion that did not happen. A server that starts
 * as a standby takes the newest history file for the timeline to follow, and could not follow this one.
 * Those below a real history file stay: PostgreSQL finds the newest by counting up without a gap.
 */
export async function forgetUnusedSkips(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'pg_wal')
  const names = (await readdir(folder)).filter((name) => /^[0-9A-F]{8}\.history$/.test(name)).sort()
  for (const name of names.reverse()) {
    if ((await readFile(join(folder, name), 'utf8')) !== SKIPPED) return
    await rm(join(folder, name))
  }
}

/** The file appears in one step, readable by the server: one it may not open ends its recovery. */
async function writeUnlessThere(path: string, text: string, user: ServerUser | null): Promise<void> {
  const temporary = `${path}.pgherd`
  await writeFile(temporary, text, { mode: 0o600 })
  if (user !== null) await chown(temporary, user.uid, user.gid)
  try {
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
}
