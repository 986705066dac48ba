import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodePaths } from '../state/herd-paths.js'

export const INCOMPLETE = 'data.incomplete'
export const REPLACED = 'data.replaced'

/**
 * Puts a new data directory in place of what is there. `fill` makes it under another name; only when
 * that is complete is the old one moved away, and only after that is the old one deleted, or moved to
 * `kept/` where it stays until a person deletes it. Returns where it was kept.
 */
export async function replaceFolder(
  paths: NodePaths,
  keep: boolean,
  fill: (folder: string) => Promise<void>,
): Promise<string | null> {
  const incomplete = join(paths.dir, INCOMPLETE)
  const replaced = join(paths.dir, REPLACED)
  await recoverReplaced(paths)
  await rm(incomplete, { recursive: true, force: true })
  await fill(incomplete)
  const kept = keep ? join(paths.kept, new Date().toISOString().replaceAll(':', '-')) : null
  if (kept !== null) await mkdir(paths.kept, { recursive: true, mode: 0o700 })
  const moved = await moveIfThere(paths.data, kept ?? replaced)
  await rename(incomplete, paths.data)
  if (kept === null) await rm(replaced, { recursive: true, force: true })
  return moved ? kept : null
}

/** After a crash between the two renames the old directory is still whole: it is put back first. */
export async function recoverReplaced(paths: NodePaths): Promise<void> {
  const entries = await readdir(paths.dir).catch((): string[] => [])
  if (!entries.includes(REPLACED)) return
  const replaced = join(paths.dir, REPLACED)
  if (entries.includes('data')) await rm(replaced, { recursive: true, force: true })
  else await rename(replaced, paths.data)
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
