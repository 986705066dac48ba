import { formatLsn } from '@pgherd/core'
import type { ProxyFacts } from '../proxy-facts.js'
import { HELP, type Shown } from './admin-command.js'

/** Rows of text under columns, for whoever connects to the admin database. */
export interface AdminTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

type Cell = string | number | null

/** What SHOW gives. `nowMs`: wall clock. */
export function showTable(what: Shown, facts: ProxyFacts, nowMs: number): AdminTable {
  const { columns, rows } = TABLES[what](facts, nowMs)
  return {
    columns,
    rows: rows.map((row) => row.map((cell) => (typeof cell === 'number' ? String(cell) : cell))),
  }
}

/** The columns that SHOW gives, whatever there is to show. */
export const SHOWN_COLUMNS: Readonly<Record<Shown, readonly string[]>> = {
  CLIENTS: [
    'id',
    'user',
    'database',
    'application_name',
    'address',
    'state',
    'connection',
    'batches',
    'connected_at',
  ],
  SERVERS: [
    'node',
    'role',
    'kind',
    'user',
    'database',
    'pid',
    'state',
    'in_flight',
    'prepared',
    'idle_seconds',
  ],
  POOLS: ['user', 'database', 'clients', 'node', 'lanes', 'on_lanes', 'own', 'idle', 'waiting', 'paused'],
  LANES: ['node', 'user', 'database', 'pid', 'state', 'in_flight', 'prepared', 'idle_seconds'],
  STATS: ['name', 'value'],
  NODES: ['node', 'role', 'state', 'lsn', 'lag_bytes', 'lag_ms', 'why'],
  CONFIG: ['name', 'value', 'reloadable'],
  VERSION: ['version'],
  HELP: ['command', 'meaning'],
}

type MakeTable = (facts: ProxyFacts, nowMs: number) => { columns: readonly string[]; rows: Cell[][] }

const TABLES: Readonly<Record<Shown, MakeTable>> = {
  CLIENTS: ({ clients }) => ({
    columns: SHOWN_COLUMNS.CLIENTS,
    rows: clients.map((client) => [
      client.id,
      client.user,
      client.database,
      client.applicationName,
      client.address,
      client.state,
      client.hasOwnServer ? 'own' : 'shared',
      client.batches,
      new Date(client.connectedAtMs).toISOString(),
    ]),
  }),

  SERVERS: ({ servers, nodes }) => ({
    columns: SHOWN_COLUMNS.SERVERS,
    rows: servers.map((server) => [
      server.node,
      nodes.find(({ name }) => name === server.node)?.role ?? null,
      server.kind,
      server.user,
      server.database,
      server.processId,
      server.state,
      server.inFlight,
      server.prepared,
      seconds(server.idleMs),
    ]),
  }),

  POOLS: ({ pools, clients, paused }) => ({
    columns: SHOWN_COLUMNS.POOLS,
    rows: pools.map(({ user, database, node, lanes, onLanes, own, idle, waiting }) => [
      user,
      database,
      clients.filter((client) => client.user === user && client.database === database).length,
      node,
      lanes,
      onLanes,
      own,
      idle,
      waiting,
      paused === 'all' || paused.includes(database) ? 'yes' : 'no',
    ]),
  }),

  LANES: ({ servers }) => ({
    columns: SHOWN_COLUMNS.LANES,
    rows: servers
      .filter(({ kind }) => kind === 'lane')
      .map((lane) => [
        lane.node,
        lane.user,
        lane.database,
        lane.processId,
        lane.state,
        lane.inFlight,
        lane.prepared,
        seconds(lane.idleMs),
      ]),
  }),

  STATS: (facts, nowMs) => ({ columns: SHOWN_COLUMNS.STATS, rows: statistics(facts, nowMs) }),

  NODES: ({ nodes }) => ({
    columns: SHOWN_COLUMNS.NODES,
    rows: nodes.map(({ name, role, state, lsn, lagBytes, lagMs, why }) => [
      name,
      role,
      state,
      lsn === 0 ? null : formatLsn(lsn),
      lagBytes,
      lagMs === null ? null : Math.round(lagMs),
      why,
    ]),
  }),

  CONFIG: ({ config }) => ({
    columns: SHOWN_COLUMNS.CONFIG,
    rows: config.map(({ name, value, isReloadable }) => [name, value, isReloadable ? 'yes' : 'no']),
  }),

  VERSION: ({ version }) => ({ columns: SHOWN_COLUMNS.VERSION, rows: [[`pgherd proxy ${version}`]] }),

  HELP: () => ({ columns: SHOWN_COLUMNS.HELP, rows: HELP.map((line) => [...line]) }),
}

function statistics({ clients, meter, paused, startedAtMs, state }: ProxyFacts, nowMs: number): Cell[][] {
  const { batches, errors, latency, waits } = meter
  const { count, sumMs } = latency.read()
  const pausedNow = paused === 'all' ? 'all' : paused.join(', ')
  return [
    ['state', pausedNow === '' ? state : `paused: ${pausedNow}`],
    ['uptime_seconds', seconds(nowMs - startedAtMs)],
    ['clients', clients.length],
    ...(['idle', 'active', 'paused', 'idle in transaction'] as const).map((each): Cell[] => [
      `clients_${each.replaceAll(' ', '_')}`,
      clients.filter((client) => client.state === each).length,
    ]),
    ['batches', count],
    ...(['primary', 'standby'] as const).flatMap((role) =>
      (['lane', 'own'] as const).map((connection): Cell[] => [
        `batches_${role}_${connection}`,
        batches[role][connection],
      ]),
    ),
    ['batch_average_ms', count === 0 ? null : (sumMs / count).toFixed(3)],
    ['waits_for_node', waits.node],
    ['waits_for_resume', waits.pause],
    ['errors', [...errors.values()].reduce((sum, each) => sum + each, 0)],
    ...[...errors].sort().map(([kind, times]): Cell[] => [`errors_${kind}`, times]),
  ]
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
