import { formatLsn } from '@pgherd/core'
import type { FactsPart, LookUp, ProxyFacts } from '../proxy-facts.js'
import { HELP, type Shown } from './admin-command.js'

/** Rows of text under columns, for whoever connects to the admin database. */
export interface AdminTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

type Cell = string | number | null

/** What SHOW gives. `nowMs`: wall clock. */
export async function showTable(
  what: Shown,
  proxy: { readonly look: LookUp },
  nowMs: number,
): Promise<AdminTable> {
  const rows = await ROWS[what](proxy, nowMs)
  return {
    columns: SHOWN_COLUMNS[what],
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
  WORKERS: ['worker', 'pid', 'state', 'clients', 'started_at'],
  CONFIG: ['name', 'value', 'reloadable'],
  VERSION: ['version'],
  HELP: ['command', 'meaning'],
}

type MakeRows = (proxy: { readonly look: LookUp }, nowMs: number) => Promise<Cell[][]>

/** Rows of these parts of the facts; no others are asked for. */
function rowsOf<Part extends FactsPart>(
  parts: readonly Part[],
  make: (facts: Pick<ProxyFacts, Part>, nowMs: number) => Cell[][],
): MakeRows {
  return async (proxy, nowMs) => make(await proxy.look(...parts), nowMs)
}

const ROWS: Readonly<Record<Shown, MakeRows>> = {
  CLIENTS: rowsOf(['clients'], ({ clients }) =>
    clients.map((client) => [
      client.id,
      client.user,
      client.database,
      client.applicationName,
      client.address,
      client.state,
      client.hasOwnServer ? 'own' : 'shared',
      client.batches,
      timestamp(client.connectedAtMs),
    ]),
  ),

  SERVERS: rowsOf(['servers', 'nodes'], ({ servers, nodes }) =>
    servers.map((server) => [
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
  ),

  POOLS: rowsOf(['pools', 'clients', 'paused'], ({ pools, clients, paused }) =>
    pools.map(({ user, database, node, lanes, onLanes, own, idle, waiting }) => [
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
  ),

  LANES: rowsOf(['servers'], ({ servers }) =>
    servers
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
  ),

  STATS: rowsOf(['clients', 'meter', 'paused', 'startedAtMs', 'state'], statistics),

  NODES: rowsOf(['nodes'], ({ nodes }) =>
    nodes.map(({ name, role, state, lsn, lagBytes, lagMs, why }) => [
      name,
      role,
      state,
      lsn === 0 ? null : formatLsn(lsn),
      lagBytes,
      lagMs === null ? null : Math.round(lagMs),
      why,
    ]),
  ),

  WORKERS: rowsOf(['workers'], ({ workers }) =>
    workers.map(({ worker, pid, state, clients, startedAtMs }) => [
      worker,
      pid,
      state,
      clients,
      startedAtMs === null ? null : timestamp(startedAtMs),
    ]),
  ),

  CONFIG: rowsOf(['config'], ({ config }) =>
    config.map(({ name, value, isReloadable }) => [name, value, isReloadable ? 'yes' : 'no']),
  ),

  VERSION: rowsOf(['version'], ({ version }) => [[`pgherd proxy ${version}`]]),

  HELP: async () => HELP.map((line) => [...line]),
}

function statistics(
  {
    clients,
    meter,
    paused,
    startedAtMs,
    state,
  }: Pick<ProxyFacts, 'clients' | 'meter' | 'paused' | 'startedAtMs' | 'state'>,
  nowMs: number,
): Cell[][] {
  const { batches, errors, latency, waits } = meter
  const { count, sumMs } = latency
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

function timestamp(ms: number): string {
  return new Date(ms).toISOString()
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
