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
import { scramVerifier } from './scram-verifier.js'

/** The name the application's database has in the template; a herd gives it its own. */
const TEMPLATE_DATABASE = 'pgherd_application'

/**
 * What every herd's first primary has from the start: renaming a database takes a millisecond, making
 * one a tenth of a second and a long checkpoint.
 */
export const TEMPLATE_SEED = [
  `create role ${REPLICATION_ROLE} login replication;`,
  `create role ${APPLICATION_ROLE} login;`,
  `create database ${TEMPLATE_DATABASE} owner ${APPLICATION_ROLE};`,
] as const

/** Makes the data directory of a group's first primary, with an identity of its own. Appears in one step. */
export async function createDataDirectory(
  paths: NodePaths,
  systemIdentifier: bigint,
  host: string,
  binaries: Binaries,
  user: ServerUser | null,
): Promise<void> {
  const template = await ensureTemplate(binaries, user, TEMPLATE_SEED)
  await makeNodeFolder(paths, user)
  await replaceFolder(paths, false, async (folder) => {
    await copyDirectory(template.dir, folder, { user })
    await rewriteSystemIdentifier(folder, systemIdentifier)
    await prepareDataDirectory(folder, user, { allowFrom: allowFrom(host) })
  })
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

/** Gives a new server its passwords and its database's name. Can be run again after an interruption. */
export async function populate(client: pg.Client, spec: HerdSpec, secrets: Secrets): Promise<void> {
  // Nobody streams yet: waiting for a standby here would be waiting for ever.
  await client.query('set synchronous_commit = local')
  const { rowCount } = await client.query('select from pg_database where datname = $1', [spec.database])
  if (rowCount === 0) {
    await client.query(
      `alter database ${TEMPLATE_DATABASE} rename to ${client.escapeIdentifier(spec.database)}`,
    )
  }
  await setPassword(client, REPLICATION_ROLE, secrets.replication)
  await setPassword(client, APPLICATION_ROLE, secrets.application)
  await setPassword(client, 'postgres', secrets.superuser)
}

async function setPassword(client: pg.Client, role: string, password: string): Promise<void> {
  await client.query(`alter role ${role} password ${client.escapeLiteral(scramVerifier(role, password))}`)
}
