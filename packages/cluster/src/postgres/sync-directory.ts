import type { Dirent } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const CONCURRENCY = 16

/**
 * Flushes every file and folder below `root` to the disk, so that a directory that was just copied
 * survives a power cut. Safe while a server uses it: files that vanish meanwhile need no flushing.
 */
export async function syncDirectory(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile() || entry.isDirectory()).map(pathOf)
  const queue = [...paths, root].values()
  const worker = async (): Promise<void> => {
    for (const path of queue) await syncPath(path)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

function pathOf(entry: Dirent): string {
  return join(entry.parentPath, entry.name)
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (file === null) return
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
