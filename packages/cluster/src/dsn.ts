import { HerdError } from '@pgherd/core'
import { nodesOf } from './herd-nodes.js'
import type { LeftHerd } from './left-herd.js'
import { APPLICATION_ROLE } from './replication/node-settings.js'
import { readSecrets, type Secrets } from './state/herd-identity.js'
import type { Node } from './supervisor/node.js'

export type DsnRole = 'application' | 'superuser'

/**
 * A connection string. Of one node, or of all nodes of the first group with the primary asked for, which
 * libpq and most drivers understand and which goes on working after a failover.
 */
export function formatDsn(nodes: readonly Node[], database: string, secrets: Secrets, role: DsnRole): string {
  return formatDsnOf(
    nodes.map(({ server }) => hostAndPort(server.address)),
    database,
    secrets,
    role,
  )
}

/** The same of hosts that are written already. */
export function formatDsnOf(
  hosts: readonly string[],
  database: string,
  secrets: Secrets,
  role: DsnRole,
): string {
  const credentials = `${role === 'superuser' ? 'postgres' : APPLICATION_ROLE}:${secrets[role]}`
  const suffix = hosts.length > 1 ? '?target_session_attrs=read-write' : ''
  return `postgres://${credentials}@${hosts.join(',')}/${encodeURIComponent(database)}${suffix}`
}

/** The nodes a connection string is about. Throws UNKNOWN_NODE. */
export function dsnNodes(nodes: readonly Node[], wanted: string | null): readonly Node[] {
  const chosen = nodes.filter((node) =>
    wanted === null ? node.group === nodes[0]?.group : node.name === wanted,
  )
  if (chosen.length > 0) return chosen
  const known = nodes.map((node) => node.name).join(', ')
  throw new HerdError('UNKNOWN_NODE', `There is no node "${wanted}"; this herd has ${known}.`)
}

/** The connection string of a herd on disk, whether it runs or not. Throws UNKNOWN_NODE, STATE_UNREADABLE. */
export async function dsnOf(
  { paths, identity }: LeftHerd,
  node: string | null,
  role: DsnRole,
): Promise<string> {
  const secrets = await readSecrets(paths.secrets)
  if (secrets === null) throw new HerdError('STATE_UNREADABLE', `${paths.secrets} is missing.`)
  return formatDsn(dsnNodes(nodesOf(identity), node), identity.spec.database, secrets, role)
}

/** The connection string of a herd's proxy; null where it has none. Throws STATE_UNREADABLE. */
export async function proxyDsnOf({ paths, identity }: LeftHerd, role: DsnRole): Promise<string | null> {
  const { spec, proxyPort } = identity
  if (!spec.proxy || proxyPort === undefined) return null
  const secrets = await readSecrets(paths.secrets)
  if (secrets === null) throw new HerdError('STATE_UNREADABLE', `${paths.secrets} is missing.`)
  return formatDsnOf([hostAndPort({ host: spec.proxy.host, port: proxyPort })], spec.database, secrets, role)
}

/** Servers that listen everywhere are reached on this machine's own address. */
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

export function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  const shown = EVERYWHERE[host] ?? host
  return `${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}
