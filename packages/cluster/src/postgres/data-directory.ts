import { chown, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HerdError } from '@pgherd/core'
import type { ServerUser } from './server-user.js'

const STANDBY_SIGNAL = 'standby.signal'

/**
 * Says what is in a node's data directory, before anything is done to it.
 *
 * Throws DATA_DIRECTORY_VERSION when it is another major version's, DATA_DIRECTORY_FOREIGN when it holds
 * something that is not PostgreSQL's.
 */
export async function inspectDataDirectory(
  dataDir: string,
  major: number,
): Promise<'absent' | 'standby' | 'primary'> {
  const names = await listFolder(dataDir)
  if (names.length === 0) return 'absent'
  const found = names.includes('PG_VERSION') ? await readFile(join(dataDir, 'PG_VERSION'), 'utf8') : ''
  if (found.trim() === '' || !(await exists(join(dataDir, 'global/pg_control')))) {
    throw new HerdError(
      'DATA_DIRECTORY_FOREIGN',
      `${dataDir} is not empty and is not a PostgreSQL data directory (it holds ${names.slice(0, 3).join(', ')}).`,
      { hint: 'Move its content elsewhere, or keep the herd in another folder.' },
    )
  }
  if (found.trim() !== String(major)) {
    throw new HerdError(
      'DATA_DIRECTORY_VERSION',
      `${dataDir} was made by PostgreSQL ${found.trim()}, but the spec asks for version ${major}.`,
      { hint: `Set postgres.version to ${found.trim()}, or upgrade the data with pg_upgrade first.` },
    )
  }
  return names.includes(STANDBY_SIGNAL) ? 'standby' : 'primary'
}

/** Makes the server start as a standby from now on; survives a crash of the machine once resolved. */
export async function markStandby(dataDir: string, user: ServerUser | null): Promise<void> {
  const path = join(dataDir, STANDBY_SIGNAL)
  const file = await open(path, 'w', 0o600)
  try {
    if (user) await chown(path, user.uid, user.gid)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncFolder(dataDir)
}

/** Makes it start as a primary from now on. */
export async function unmarkStandby(dataDir: string): Promise<void> {
  await rm(join(dataDir, STANDBY_SIGNAL), { force: true })
  await syncFolder(dataDir)
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code === 'ENOTDIR') {
      throw new HerdError('DATA_DIRECTORY_FOREIGN', `${path} is not a folder.`, { cause: error })
    }
    if (code === 'EACCES') {
      throw new HerdError('PERMISSION_DENIED', `The data directory ${path} cannot be read.`, { cause: error })
    }
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
