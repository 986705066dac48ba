import { execFile } from 'node:child_process'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  markStandby,
  type Server,
  type ServerSettings,
  type ServerUser,
  unmarkStandby,
  writeSettings,
} from '../postgres/index.js'
import { spawnIdentity } from '../postgres/server-user.js'
import type { NodePaths } from '../state/herd-paths.js'

export interface RewindOptions {
  pgRewind: string
  primary: Server
  superuserPassword: string
  paths: NodePaths
  settings: ServerSettings
  user: ServerUser | null
}

/**
 * Takes back what a former primary wrote after its successor was promoted, with `pg_rewind`. Done under
 * another name, so that a directory that was cut off half-way is never mistaken for a whole one: it is
 * then absent, and is copied anew. Only where nothing that is taken back was acknowledged.
 */
export async function rewindStandby(options: RewindOptions): Promise<void> {
  const { paths, primary, user } = options
  const incomplete = join(paths.dir, 'data.incomplete')
  await rm(incomplete, { recursive: true, force: true })
  await rename(paths.data, incomplete)
  // It first recovers in single-user mode, which no standby does.
  await unmarkStandby(incomplete)
  const { host, port } = primary.address
  await promisify(execFile)(
    options.pgRewind,
    ['-D', incomplete, `--source-server=host=${host} port=${port} user=postgres dbname=postgres`],
    {
      ...spawnIdentity(user),
      env: { PATH: process.env.PATH, LC_ALL: 'C', PGPASSWORD: options.superuserPassword },
      cwd: '/',
      timeout: 10 * 60_000,
    },
  )
  await writeSettings(incomplete, options.settings, user)
  await markStandby(incomplete, user)
  await rename(incomplete, paths.data)
}
