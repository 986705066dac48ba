import { randomBytes } from 'node:crypto'
import { nodeNames } from '@pgherd/core'
import type { GroupSpec, HerdSpec } from '@pgherd/core/spec'
import { readState, writeDurably } from './durable-file.js'

/** What a herd is, fixed when it is created. */
export interface HerdIdentity {
  format: 1
  spec: HerdSpec
  createdAt: string
  /** The folder that holds the nodes' folders. */
  dataRoot: string
  /** The operating-system user the servers run as; null: whoever runs pgherd. */
  serverUser: string | null
  /** PostgreSQL's system identifier of each group, in decimal. */
  systemIdentifiers: Record<string, string>
  /** Port of each node. */
  ports: Record<string, number>
  /** Port of the proxy, kept also while a spec wants none; absent until somebody has asked for one. */
  proxyPort?: number
  /** The same of the control API. */
  apiPort?: number
  /** Names of the nodes of groups that standbys were added to or removed from; of others the spec says it. */
  members?: Record<string, string[]>
  /** Those of them that have not streamed yet: they are taken back when they cannot be made. */
  joining?: string[]
  /** Standbys whose removal was begun. */
  leaving?: string[]
}

/** The nodes of a group, whatever its spec began with. */
export function membersOf({ members = {} }: HerdIdentity, group: GroupSpec): string[] {
  return members[group.name] ?? nodeNames(group)
}

export function readIdentity(path: string): Promise<HerdIdentity | null> {
  return readState(path, (value): value is HerdIdentity => {
    const identity = value as Partial<HerdIdentity> | null
    return (
      identity?.format === 1 && typeof identity.spec?.name === 'string' && typeof identity.ports === 'object'
    )
  })
}

export function writeIdentity(path: string, identity: HerdIdentity): Promise<void> {
  return writeDurably(path, `${JSON.stringify(identity, null, 2)}\n`)
}

/** Passwords of the three roles every herd has. */
export interface Secrets {
  /** `postgres`, for the supervisor and for a person who administers. */
  superuser: string
  /** `pgherd_replication`, with which standbys connect. */
  replication: string
  /** The application's role, owner of its database. */
  application: string
}

export async function readOrMakeSecrets(path: string): Promise<Secrets> {
  const known = await readSecrets(path)
  if (known !== null) return known
  const made = { superuser: password(), replication: password(), application: password() }
  await writeDurably(path, `${JSON.stringify(made, null, 2)}\n`)
  return made
}

export function readSecrets(path: string): Promise<Secrets | null> {
  return readState(path, (value): value is Secrets => {
    const secrets = value as Partial<Secrets> | null
    return [secrets?.superuser, secrets?.replication, secrets?.application].every(
      (each) => typeof each === 'string',
    )
  })
}

/** 144 bits in characters that need no escaping in a URL, a shell or a conninfo string. */
function password(): string {
  return randomBytes(18).toString('base64url')
}
