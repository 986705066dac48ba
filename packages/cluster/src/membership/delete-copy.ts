import { rename, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HerdError } from '@pgherd/core'
import { INCOMPLETE, REPLACED } from '../replication/replace-folder.js'
import type { NodePaths } from '../state/herd-paths.js'

const REMOVED = 'data.removed'

/**
 * Deletes a node's copy of the data, and what attempts to make one have left. What was kept aside stays (I7).
 *
 * In its first step the copy stops being a data directory: one of which a part is gone would keep the next
 * supervisor from starting, or be started by it (I10). Resolves to why some of it is left, or null.
 */
export async function deleteCopy({ dir, data, log }: NodePaths): Promise<HerdError | null> {
  // A file of somebody else's that stood in the way of the folder is no copy.
  const isFolder = (await stat(dir).catch(() => null))?.isDirectory()
  if (isFolder !== true) return null
  try {
    for (const left of [REMOVED, REPLACED, INCOMPLETE])
      await rm(join(dir, left), { recursive: true, force: true })
    await rename(data, join(dir, REMOVED)).catch(refuseUnlessAbsent)
    await rm(join(dir, REMOVED), { recursive: true, force: true })
    await rm(log, { force: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new HerdError('OPERATION_FAILED', `The files in ${dir} could not be deleted: ${why}.`, { cause })
  }
  // What was kept aside is in it.
  await rmdir(dir).catch(() => {})
  return null
}

function refuseUnlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
