import { chmodSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { HerdError } from '@pgherd/core'
import { canTraverse, type ServerUser } from './server-user.js'

/**
 * The folder where what is made once and used by every herd is kept: templates, PostgreSQL programs.
 * Made when absent. `PGHERD_CACHE` overrides it.
 *
 * Throws PERMISSION_DENIED when it cannot be made, or the server user cannot reach it.
 */
export function cacheFolder(user: ServerUser | null): string {
  const folder = resolve(process.env.PGHERD_CACHE || defaultFolder(user))
  try {
    mkdirSync(folder, { recursive: true })
    if (user) chmodSync(folder, 0o755)
  } catch (cause) {
    throw new HerdError('PERMISSION_DENIED', `The cache folder ${folder} cannot be made.`, {
      hint: 'Set PGHERD_CACHE to a folder that can be written to.',
      cause,
    })
  }
  if (user && !canTraverse(user, folder)) {
    throw new HerdError(
      'PERMISSION_DENIED',
      `The account ${user.name}, which runs PostgreSQL, cannot reach the cache folder ${folder}.`,
      { hint: 'Set PGHERD_CACHE to a folder whose parents everyone may pass through.' },
    )
  }
  return folder
}

function defaultFolder(user: ServerUser | null): string {
  if (user) return '/var/cache/pgherd'
  if (process.platform === 'darwin') return join(homedir(), 'Library/Caches/pgherd')
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pgherd')
}
