import { HerdError } from '@pgherd/core'
import type pg from 'pg'

/** One server to connect to: what `pg.Client` takes, under the name that events and errors use. */
export interface NodeAddress {
  /** `host:port`. */
  readonly name: string
  readonly config: pg.ClientConfig
}

/** A node as a caller writes it: a connection string, one with several hosts, or what `pg.Client` takes. */
export type NodeOption = string | pg.ClientConfig

/** Parameters of libpq's multi-host strings that are for a client that tries one host after the other. */
const FOR_LIBPQ = ['target_session_attrs', 'load_balance_hosts']

const DEFAULT_PORT = 5432

/** Scheme, user and password, hosts, and all that follows. */
const CONNECTION_STRING = /^(postgres(?:ql)?):\/\/(?:(.*)@)?([^@/?#]*)(.*)$/s

/**
 * The nodes that options and environment name. `options.nodes` counts first, then a connection string or
 * host (which may name several), then `PGHOST` and `PGPORT`, as libpq reads them.
 *
 * Throws OPTIONS_INVALID.
 */
export function nodeAddresses(
  options: pg.ClientConfig & { nodes?: readonly NodeOption[] | undefined },
  env: Readonly<Record<string, string | undefined>>,
): readonly NodeAddress[] {
  const { nodes, ...shared } = options
  if (nodes !== undefined && nodes.length === 0)
    throw invalid('`nodes` is empty: name at least one server, as `postgres://user@host:5432/database`.')
  const addresses = (nodes ?? [shared]).flatMap((node) => addressesOf(node, shared, env))
  const names = new Set(addresses.map(({ name }) => name))
  const twice = addresses.find(({ name }) => !names.delete(name))
  if (twice !== undefined) throw invalid(`${twice.name} is named twice in \`nodes\`.`)
  return addresses
}

/** The same login at another server (`host:port`), and in another database if one is named. */
export function addressElsewhere(
  { config }: NodeAddress,
  name: string,
  database: string | null = null,
): NodeAddress {
  const { host, port } = splitHost(name)
  if (config.connectionString === undefined)
    return { name, config: { ...config, host, port, ...(database === null ? {} : { database }) } }
  const [, scheme, user, , rest = ''] = CONNECTION_STRING.exec(config.connectionString) ?? []
  const [path = '', query] = splitOnce(rest, '?')
  const tail =
    (database === null ? path : `/${encodeURIComponent(database)}`) + (query === null ? '' : `?${query}`)
  const connectionString = `${scheme}://${user === undefined ? '' : `${user}@`}${host}:${port}${tail}`
  return { name, config: { ...config, connectionString } }
}

function splitOnce(text: string, at: string): [string, string | null] {
  const index = text.indexOf(at)
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)]
}

function addressesOf(
  node: NodeOption,
  shared: pg.ClientConfig,
  env: Readonly<Record<string, string | undefined>>,
): NodeAddress[] {
  const own = typeof node === 'string' ? { connectionString: node } : node
  const config = { ...shared, ...own }
  if (config.connectionString !== undefined) {
    return splitConnectionString(config.connectionString).map(({ text, host, port }) => ({
      name: `${host}:${port}`,
      config: { ...config, connectionString: text },
    }))
  }
  const hosts = String(config.host ?? env.PGHOST ?? 'localhost').split(',')
  const ports = String(config.port ?? env.PGPORT ?? DEFAULT_PORT).split(',')
  if (ports.length !== 1 && ports.length !== hosts.length)
    throw invalid(`${hosts.length} hosts are named, and ${ports.length} ports.`)
  return hosts.map((host, at) => {
    const port = readPort(ports[at] ?? (ports[0] as string))
    return { name: `${host}:${port}`, config: { ...config, host, port } }
  })
}

/** `postgres://user:password@a:1,b:2/database?…` is one string for each host. */
function splitConnectionString(text: string): { text: string; host: string; port: number }[] {
  const match = CONNECTION_STRING.exec(text)
  if (match === null) {
    throw invalid(
      'A connection string must look like postgres://user:password@host:5432/database; this one does not.',
    )
  }
  const [, scheme, user, hosts = '', rest = ''] = match
  const tail = withoutParameters(rest)
  return hosts.split(',').map((each) => {
    const { host, port } = splitHost(each)
    const given = host === '' ? 'localhost' : host
    return {
      text: `${scheme}://${user === undefined ? '' : `${user}@`}${given}:${port}${tail}`,
      host: given,
      port,
    }
  })
}

function splitHost(text: string): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text)
  if (match === null) throw invalid(`"${text}" is not a host and port.`)
  return { host: match[1] ?? '', port: readPort(match[2] || String(DEFAULT_PORT)) }
}

function readPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid(`"${text}" is not a port.`)
  return port
}

function withoutParameters(tail: string): string {
  const question = tail.indexOf('?')
  if (question < 0) return tail
  const kept = tail
    .slice(question + 1)
    .split('&')
    .filter((each) => !FOR_LIBPQ.includes(each.split('=')[0] ?? ''))
  return tail.slice(0, question) + (kept.length === 0 ? '' : `?${kept.join('&')}`)
}

function invalid(message: string): HerdError {
  return new HerdError('OPTIONS_INVALID', message)
}
