import { HerdError } from '@pgherd/core'
import type { Consistency } from '@pgherd/core/routing'
import type pg from 'pg'
import { type NodeAddress, type NodeOption, nodeAddresses } from './node-addresses.js'

const SYNCHRONOUS_COMMITS = ['on', 'remote_apply', 'remote_write', 'local', 'off'] as const

/** PostgreSQL's setting of that name. */
export type SynchronousCommit = (typeof SYNCHRONOUS_COMMITS)[number]

/** What an application says once about a kind of work, and then uses by name: `pool.with('inventory')`. */
export interface Policy {
  readonly consistency?: Consistency
  /** `on`, `remote_apply`, `local`, …: how far a write must have come before it is acknowledged. */
  readonly synchronousCommit?: SynchronousCommit
  /** How long its statements wait for a node that can take them. */
  readonly failoverWaitMs?: number
}

/**
 * What `pg.Pool` takes, for each node, and what a herd adds. `max`, `min`, `idleTimeoutMillis`,
 * `maxUses` and `maxLifetimeSeconds` are about connections that one caller has to itself, per node; lanes
 * and one connection that watches the node come on top.
 */
export interface PoolOptions extends pg.PoolConfig {
  /** Connection strings of the nodes, in any order; one string may name several hosts. */
  nodes?: readonly NodeOption[]
  /** What reads may see unless they say otherwise: `session`. */
  consistency?: Consistency
  policies?: Readonly<Record<string, Policy>>
  /** The socket or URL of the herd's supervisor, to hear at once of roles that change and nodes that come and go. */
  supervisor?: string
  lanes?: {
    /** Connections per node on which reads are pipelined: 2. 0: no lanes. */
    max?: number
    /** Statements under way on each lane before another is opened: 8. */
    depth?: number
    /** How long a statement may hold up a lane before it gets a connection of its own: 15 ms. */
    patienceMs?: number
  }
  /**
   * `connect()` takes no connection before its user needs one to themselves; until then their statements go
   * the way of `query()`. For libraries that ask `connect()` for every statement: false.
   */
  lazyClients?: boolean
  /** How long a statement waits for a node that can take it, through a failover for instance: 10,000 ms. */
  failoverWaitMs?: number
  /** How long a read waits for a standby to replay what its session wrote before the primary is asked: 10 ms. */
  replayWaitMs?: number
  /** A standby further behind gets no reads: 10,000 ms. */
  maxLagMs?: number
  /** Statements that may wait at once, for a node or a connection: 10,000. */
  maxWaiting?: number
  probe?: {
    /** How often each node is asked how it is: every 250 ms. */
    intervalMs?: number
    /** A node that does not answer within this is left out: 1000 ms. */
    timeoutMs?: number
  }
}

/** Options with every default filled in, and nothing in them that makes no sense. */
export interface Settings {
  readonly addresses: readonly NodeAddress[]
  /** For each node's own pool of connections. */
  readonly pool: pg.PoolConfig
  readonly consistency: Consistency
  readonly policies: Readonly<Record<string, Policy>>
  readonly supervisor: string | null
  readonly lanes: { readonly max: number; readonly depth: number; readonly patienceMs: number }
  readonly lazyClients: boolean
  readonly failoverWaitMs: number
  readonly replayWaitMs: number
  readonly maxLagMs: number
  readonly maxWaiting: number
  readonly probe: { readonly intervalMs: number; readonly timeoutMs: number }
}

/** Throws OPTIONS_INVALID. */
export function readOptions(
  options: PoolOptions,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const {
    nodes,
    consistency = 'session',
    policies = {},
    supervisor,
    lanes = {},
    lazyClients = false,
    failoverWaitMs = 10_000,
    replayWaitMs = 10,
    maxLagMs = 10_000,
    maxWaiting = 10_000,
    probe = {},
    ...pool
  } = options
  const settings: Settings = {
    addresses: nodeAddresses({ ...pool, nodes }, env),
    pool,
    consistency,
    policies,
    supervisor: supervisor ?? null,
    lanes: { max: lanes.max ?? 2, depth: lanes.depth ?? 8, patienceMs: lanes.patienceMs ?? 15 },
    lazyClients,
    failoverWaitMs,
    replayWaitMs,
    maxLagMs,
    maxWaiting,
    probe: { intervalMs: probe.intervalMs ?? 250, timeoutMs: probe.timeoutMs ?? 1000 },
  }
  checkConsistency(consistency, 'consistency')
  for (const [name, policy] of Object.entries(policies)) checkPolicy(`policies.${name}`, policy)
  checkNumber('lanes.max', settings.lanes.max, 0)
  checkNumber('lanes.depth', settings.lanes.depth, 1)
  checkNumber('lanes.patienceMs', settings.lanes.patienceMs, 1)
  checkNumber('failoverWaitMs', failoverWaitMs, 0)
  checkNumber('replayWaitMs', replayWaitMs, 0)
  checkNumber('maxLagMs', maxLagMs, 0)
  checkNumber('maxWaiting', maxWaiting, 0)
  checkNumber('probe.intervalMs', settings.probe.intervalMs, 1)
  checkNumber('probe.timeoutMs', settings.probe.timeoutMs, 1)
  return settings
}

/** Throws OPTIONS_INVALID. */
export function checkConsistency(value: Consistency, name: string): void {
  if (value === 'primary' || value === 'session' || value === 'eventual') return
  const staleness = typeof value === 'object' && value !== null ? value.bounded?.maxStalenessMs : undefined
  if (typeof staleness === 'number' && staleness >= 0) return
  throw new HerdError(
    'OPTIONS_INVALID',
    `\`${name}\` is ${JSON.stringify(value)}; it is 'primary', 'session', 'eventual' or { bounded: { maxStalenessMs } }.`,
  )
}

function checkPolicy(name: string, { consistency, synchronousCommit, failoverWaitMs }: Policy): void {
  if (consistency !== undefined) checkConsistency(consistency, `${name}.consistency`)
  if (failoverWaitMs !== undefined) checkNumber(`${name}.failoverWaitMs`, failoverWaitMs, 0)
  if (synchronousCommit === undefined || SYNCHRONOUS_COMMITS.includes(synchronousCommit)) return
  throw new HerdError(
    'OPTIONS_INVALID',
    `\`${name}.synchronousCommit\` is ${JSON.stringify(synchronousCommit)}; it is one of ${SYNCHRONOUS_COMMITS.join(', ')}.`,
  )
}

function checkNumber(name: string, value: number, least: number): void {
  if (typeof value === 'number' && value >= least) return
  throw new HerdError(
    'OPTIONS_INVALID',
    `\`${name}\` is ${JSON.stringify(value)}; it is a number from ${least}.`,
  )
}
