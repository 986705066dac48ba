import { chown } from 'node:fs/promises'
import type { HerdSpec } from '@pgherd/core/spec'
import type pg from 'pg'
import { copyDirectory } from '../postgres/copy-directory.js'
import { type Binaries, ensureTemplate, prepareDataDirectory, type ServerUser } from '../postgres/index.js'
import { rewriteSystemIdentifier } from '../postgres/pg-control.js'
import { makePrivateFolder } from '../state/durable-file.js'
import type { Secrets } from '../state/herd-identity.js'
import type { NodePaths } from '../state/herd-paths.js'
import { APPLICATION_ROLE, REPLICATION_ROLE } from './node-settings.js'
import { replaceFolder } from './replace-folder.js'

/** Makes the data directory of a group's first primary, with an identity of its own. Appears in one step. */
export async function createDataDirectory(
  paths: NodePaths,
  systemIdentifier: bigint,
  host: string,
  binaries: Binaries,
  user: ServerUser | null,
): Promise<{ templatePassword: string }> {
  const template = await ensureTemplate(binaries, user)
  await makeNodeFolder(paths, user)
  await replaceFolder(paths, false, async (folder) => {
    await copyDirectory(template.dir, folder, { user, fsync: true })
    await rewriteSystemIdentifier(folder, systemIdentifier)
    await prepareDataDirectory(folder, user, { allowFrom: allowFrom(host) })
  })
  return { templatePassword: template.superuserPassword }
}

/** A node's own folder, which the server's user can enter. */
export async function makeNodeFolder(paths: NodePaths, user: ServerUser | null): Promise<void> {
  await makePrivateFolder(paths.dir)
  if (user !== null) await chown(paths.dir, user.uid, user.gid)
}

/** Beyond this machine, only the network the herd was told to listen on. */
function allowFrom(host: string): string[] {
  return ['127.0.0.1', '::1', 'localhost'].includes(host) ? [] : ['samenet']
}

/** Gives a new server its roles, passwords and database. Can be run again after an interruption. */
export async function populate(client: pg.Client, spec: HerdSpec, secrets: Secrets): Promise<void> {
  // Nobody streams yet: waiting for a standby here would be waiting for ever.
  await client.query('set synchronous_commit = local')
  await makeRole(client, REPLICATION_ROLE, 'login replication', secrets.replication)
  await makeRole(client, APPLICATION_ROLE, 'login', secrets.application)
  const { rowCount } = await client.query('select from pg_database where datname = $1', [spec.database])
  if (rowCount === 0) {
    const name = client.escapeIdentifier(spec.database)
    await client.query(`create database ${name} owner ${APPLICATION_ROLE} strategy wal_log`)
  }
  await client.query(`alter role postgres password ${client.escapeLiteral(secrets.superuser)}`)
}

async function makeRole(
  client: pg.Client,
  role: string,
  attributes: string,
  password: string,
): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role])
  const verb = rowCount === 0 ? 'create' : 'alter'
  const name = client.escapeIdentifier(role)
  await client.query(`${verb} role ${name} ${attributes} password ${client.escapeLiteral(password)}`)
}
