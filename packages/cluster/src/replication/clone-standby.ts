import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { BASE_BACKUP_SKIP } from '../postgres/base-backup-skip.js'
import { type CopyProgress, copyDirectory } from '../postgres/copy-directory.js'
import {
  markStandby,
  type Server,
  type ServerSettings,
  type ServerUser,
  writeSettings,
} from '../postgres/index.js'
import type { NodePaths } from '../state/herd-paths.js'
import { withAdminConnection } from './admin-connection.js'
import { makeNodeFolder } from './create-primary.js'
import { replaceFolder } from './replace-folder.js'

export interface CloneOptions {
  primary: Server
  superuserPassword: string
  /** The standby to make. */
  paths: NodePaths
  name: string
  settings: ServerSettings
  user: ServerUser | null
  /** What was there may hold acknowledged writes: move it aside instead of deleting it. */
  keep: boolean
  onProgress?: (progress: CopyProgress) => void
  /** Cuts the copy off. */
  signal: AbortSignal
}

const STATEMENT_TIMEOUT_MS = 10 * 60_000

/**
 * Makes a standby from the running primary: PostgreSQL's low-level backup API around a copy of its
 * files (PostgreSQL documentation, "Making a Base Backup Using the Low Level API"). The primary's slot
 * for it must exist already, so that the WAL from the start of the copy on is there when it connects.
 *
 * Resolves to where the data it replaced was kept, or null. Throws OPERATION_FAILED as soon as the primary is gone:
 * its files could be copied to their end, in vain.
 */
export async function cloneStandby(options: CloneOptions): Promise<string | null> {
  await makeNodeFolder(options.paths, options.user)
  return replaceFolder(options.paths, options.keep, async (folder) => {
    const label = await withAdminConnection(
      options.primary.address,
      options.superuserPassword,
      STATEMENT_TIMEOUT_MS,
      (client) => copyUnderBackup(client, options, folder),
    )
    await writeOwned(join(folder, 'backup_label'), label, options.user)
    await writeSettings(folder, options.settings, options.user)
    await markStandby(folder, options.user)
  })
}

async function copyUnderBackup(client: pg.Client, options: CloneOptions, folder: string): Promise<string> {
  const gone = new AbortController()
  client.once('end', () => gone.abort(wentAway(options)))
  await client.query('select pg_backup_start($1, fast => true)', [`pgherd ${options.name}`])
  await copyDirectory(options.primary.dataDir, folder, {
    user: options.user,
    skip: BASE_BACKUP_SKIP,
    signal: AbortSignal.any([options.signal, gone.signal]),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  })
  const { rows } = await client.query<{ labelfile: string }>(
    'select labelfile from pg_backup_stop(wait_for_archive => false)',
  )
  return rows[0]?.labelfile as string
}

function wentAway({ primary, name }: CloneOptions): HerdError {
  return new HerdError('OPERATION_FAILED', `${primary.name} went away while ${name} was copied from it.`)
}

async function writeOwned(path: string, text: string, user: ServerUser | null): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
  if (user !== null) await chown(path, user.uid, user.gid)
}
