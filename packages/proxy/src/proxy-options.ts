import { availableParallelism } from 'node:os'
import type { PoolOptions } from '@pgherd/client/internal'
import { HerdError } from '@pgherd/core'
import type { ClientLimits } from './admission.js'
import { readTlsOptions, type TlsIdentity, type TlsOptions } from './auth/tls-identity.js'
import type { ConfigFacts } from './proxy-facts.js'
import type { TenantLimits } from './server/tenant.js'

export interface ProxyOptions {
  /**
   * Connection strings of the nodes, with a role that may look into them: a superuser's login lets the proxy
   * check every role's password by `pg_authid`; of another role only its own is known.
   */
  nodes: NonNullable<PoolOptions['nodes']>
  /** Where to listen: 127.0.0.1. */
  host?: string
  /** 6432; 0: any that is free. */
  port?: number
  /** The socket or URL of the herd's supervisor, to hear at once of roles that change and nodes that come and go. */
  supervisor?: string
  /**
   * Processes that serve clients, each on a core of its own: 1 to 64; `auto` is 1 on fewer than 4 cores, else half
   * of them, at most 8. What is limited is shared out among them.
   */
  workers?: number | 'auto'
  /** Clients may use TLS with this certificate; without it, none can. */
  tls?: TlsOptions
  /** Clients at once: 10,000. */
  maxClients?: number
  /** Clients at once of each user, and of each database: as many as in all. */
  maxClientsPerUser?: number | null
  maxClientsPerDatabase?: number | null
  /** Who may use the admin database `pgherd`, besides the users that the nodes' addresses name. */
  adminUsers?: readonly string[]
  /** Port on 127.0.0.1 for Prometheus and health checks; 0: any that is free. None without it. */
  metricsPort?: number | null
  /** Where that port is: 127.0.0.1. */
  metricsHost?: string
  /** Connections to each node that clients of one user and database have to themselves: 20. */
  maxServers?: number
  lanes?: NonNullable<PoolOptions['lanes']>
  /** How long a statement waits for a node that can take it: 10,000 ms. */
  failoverWaitMs?: number
  /** How long a client may take to log in: 60,000 ms. */
  loginTimeoutMs?: number
  /** Connections to servers that nobody has used for so long are closed: 60,000 ms. */
  idleTimeoutMs?: number
  maxLagMs?: number
  probe?: NonNullable<PoolOptions['probe']>
}

/** Options with every default filled in. */
export interface ProxySettings {
  readonly herd: PoolOptions
  readonly host: string
  readonly port: number
  readonly workers: number
  readonly clients: ClientLimits
  readonly adminUsers: ReadonlySet<string>
  readonly metricsHost: string
  readonly metricsPort: number | null
  readonly tls: TlsIdentity | null
  readonly loginTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly limits: TenantLimits
}

const MOST_WORKERS = 64

/** Servers and applications on the same machine want cores too; on few of them one process is no bottleneck. */
export function workersFor(cores: number): number {
  return Math.max(1, Math.min(8, Math.floor(cores / 4)))
}

/** Throws OPTIONS_INVALID. Those of the nodes are checked where they are used. */
export function readProxyOptions(options: ProxyOptions): ProxySettings {
  const {
    nodes,
    host = '127.0.0.1',
    port = 6432,
    workers = 'auto',
    supervisor,
    tls,
    maxClients = 10_000,
    maxClientsPerUser = null,
    maxClientsPerDatabase = null,
    adminUsers = [],
    metricsHost = '127.0.0.1',
    metricsPort = null,
    maxServers = 20,
    lanes = {},
    failoverWaitMs = 10_000,
    loginTimeoutMs = 60_000,
    idleTimeoutMs = 60_000,
    maxLagMs,
    probe,
  } = options
  for (const [name, value, least] of [
    ['port', port, 0],
    ['maxClients', maxClients, 1],
    ['maxClientsPerUser', maxClientsPerUser ?? 1, 1],
    ['maxClientsPerDatabase', maxClientsPerDatabase ?? 1, 1],
    ['metricsPort', metricsPort ?? 0, 0],
    ['maxServers', maxServers, 1],
    ['loginTimeoutMs', loginTimeoutMs, 1],
    ['idleTimeoutMs', idleTimeoutMs, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      throw new HerdError(
        'OPTIONS_INVALID',
        `\`${name}\` is ${JSON.stringify(value)}; it is a whole number from ${least}.`,
      )
  }
  if (workers !== 'auto' && !(Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS))
    throw new HerdError(
      'OPTIONS_INVALID',
      `\`workers\` is ${JSON.stringify(workers)}; it is a whole number from 1 to ${MOST_WORKERS}, or "auto".`,
    )
  return {
    herd: {
      nodes,
      lanes,
      failoverWaitMs,
      ...(supervisor === undefined ? {} : { supervisor }),
      ...(maxLagMs === undefined ? {} : { maxLagMs }),
      ...(probe === undefined ? {} : { probe }),
    },
    host,
    port,
    workers: workers === 'auto' ? workersFor(availableParallelism()) : workers,
    clients: { maxClients, maxPerUser: maxClientsPerUser, maxPerDatabase: maxClientsPerDatabase },
    adminUsers: new Set(adminUsers),
    metricsHost,
    metricsPort,
    tls: tls === undefined ? null : readTlsOptions(tls),
    loginTimeoutMs,
    idleTimeoutMs,
    limits: {
      maxOwn: maxServers,
      maxLanes: lanes.max ?? 2,
      laneDepth: lanes.depth ?? 8,
      patienceMs: lanes.patienceMs ?? 15,
      connectTimeoutMs: probe?.timeoutMs ?? 1000,
    },
  }
}

/** What of the settings can be changed while clients are connected. */
export function reloadable({
  clients,
  adminUsers,
  tls,
  loginTimeoutMs,
  idleTimeoutMs,
  limits,
}: ProxySettings): Partial<ProxySettings> {
  return { clients, adminUsers, tls, loginTimeoutMs, idleTimeoutMs, limits }
}

/** What a proxy is set to, for SHOW CONFIG; nothing secret. */
export function describeSettings(settings: ProxySettings): ConfigFacts[] {
  const { host, port, workers, clients, adminUsers, metricsPort, loginTimeoutMs, idleTimeoutMs, limits } =
    settings
  const fixed = { host, port, workers, metricsPort }
  const changeable = {
    maxClients: clients.maxClients,
    maxClientsPerUser: clients.maxPerUser,
    maxClientsPerDatabase: clients.maxPerDatabase,
    maxServers: limits.maxOwn,
    lanes: limits.maxLanes,
    laneDepth: limits.laneDepth,
    lanePatienceMs: limits.patienceMs,
    adminUsers: [...adminUsers].join(', '),
    loginTimeoutMs,
    idleTimeoutMs,
  }
  const describe =
    (isReloadable: boolean) =>
    ([name, value]: [string, string | number | null]): ConfigFacts => ({
      name,
      value: value === null ? 'none' : String(value),
      isReloadable,
    })
  return [...Object.entries(fixed).map(describe(false)), ...Object.entries(changeable).map(describe(true))]
}
