import type { LatencySnapshot } from '@pgherd/client/internal'
import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import type { LookUp, ProxyFacts } from '../proxy-facts.js'
import { type ProcessFigures, processFiguresWith } from './process-figures.js'

type Labels = Record<string, string>
type Sample = readonly [labels: Labels, value: number]

/** What the figures are of. */
const PARTS = ['version', 'clients', 'servers', 'pools', 'meter', 'paused', 'nodes'] as const
type Measured = Pick<ProxyFacts, (typeof PARTS)[number]>

/** Prometheus' figures of a proxy, looked up when somebody asks for them. */
export class ProxyMetrics {
  readonly #look: LookUp
  readonly #otherProcesses: () => Promise<readonly ProcessFigures[]>
  readonly #registry = new Registry()
  /** As they were when somebody asked last. */
  #measured: Measured | null = null

  /** `otherProcesses`: of a proxy that is several. */
  constructor(look: LookUp, otherProcesses: () => Promise<readonly ProcessFigures[]> = async () => []) {
    this.#look = look
    this.#otherProcesses = otherProcesses
    for (const [name, figure] of Object.entries(FIGURES)) this.#register(name, figure)
    this.#registry.registerMetric(latencyMetric(() => this.#now.meter.latency))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  async read(): Promise<string> {
    const others = await this.#otherProcesses()
    return (await processFiguresWith(others)) + (await this.readOwn())
  }

  /** Without memory, processor time and the like, for whoever has such figures of its own. */
  async readOwn(): Promise<string> {
    this.#measured = await this.#look(...PARTS)
    return this.#registry.metrics()
  }

  get #now(): Measured {
    return this.#measured as Measured
  }

  #register(name: string, { help, labels, kind, sample }: Figure): void {
    const options = {
      name: `pgherd_proxy_${name}`,
      help,
      labelNames: labels,
      registers: [this.#registry],
    }
    const read = (): readonly Sample[] => sample(this.#now)
    if (kind === 'counter') {
      new Counter({
        ...options,
        collect() {
          this.reset()
          for (const [labels, value] of read()) this.inc(labels, value)
        },
      })
    } else {
      new Gauge({
        ...options,
        collect() {
          this.reset()
          for (const [labels, value] of read()) this.set(labels, value)
        },
      })
    }
  }
}

interface Figure {
  readonly help: string
  readonly labels: string[]
  readonly kind?: 'counter'
  readonly sample: (facts: Measured) => readonly Sample[]
}

const FIGURES: Readonly<Record<string, Figure>> = {
  info: {
    help: 'Which proxy this is.',
    labels: ['version'],
    sample: ({ version }) => [[{ version }, 1]],
  },
  clients: {
    help: 'Clients that are logged in.',
    labels: ['user', 'database', 'state'],
    sample: ({ clients }) => count(clients.map(({ user, database, state }) => ({ user, database, state }))),
  },
  servers: {
    help: 'Connections to servers; kind lane: shared by reads of many clients.',
    labels: ['node', 'user', 'database', 'kind', 'state'],
    sample: ({ servers }) =>
      count(servers.map(({ node, user, database, kind, state }) => ({ node, user, database, kind, state }))),
  },
  lane_batches: {
    help: 'Batches under way on lanes.',
    labels: ['node', 'user', 'database'],
    sample: ({ pools }) =>
      pools.map(({ node, user, database, onLanes }) => [{ node, user, database }, onLanes]),
  },
  clients_waiting_for_server: {
    help: 'Clients that wait for a connection of their own.',
    labels: ['node', 'user', 'database'],
    sample: ({ pools }) =>
      pools.map(({ node, user, database, waiting }) => [{ node, user, database }, waiting]),
  },
  node_batches_total: {
    help: 'Batches given to each node, by whether they only read.',
    labels: ['node', 'kind'],
    kind: 'counter',
    sample: ({ meter: { byNode } }) =>
      [...byNode].flatMap(([node, { reads, writes }]): Sample[] => [
        [{ node, kind: 'read' }, reads],
        [{ node, kind: 'write' }, writes],
      ]),
  },
  batches_total: {
    help: 'Batches sent to servers, by the role of the node and whether the connection is shared.',
    labels: ['role', 'connection'],
    kind: 'counter',
    sample: ({ meter: { batches } }) =>
      (['primary', 'standby'] as const).flatMap((role) =>
        (['lane', 'own'] as const).map(
          (connection): Sample => [{ role, connection }, batches[role][connection]],
        ),
      ),
  },
  errors_total: {
    help: 'Errors that clients were told, by the class of their SQLSTATE.',
    labels: ['class'],
    kind: 'counter',
    sample: ({ meter: { errors } }) => [...errors].map(([kind, times]) => [{ class: kind }, times]),
  },
  waits_total: {
    help: 'Batches that had to wait for a node that can take them, or for a pause to end.',
    labels: ['for'],
    kind: 'counter',
    sample: ({ meter: { waits } }) =>
      Object.entries(waits).map(([reason, times]) => [{ for: reason }, times]),
  },
  paused: {
    help: '1 while new work of any database is kept waiting.',
    labels: [],
    sample: ({ paused }) => [[{}, paused === 'all' || paused.length > 0 ? 1 : 0]],
  },
  node_in: {
    help: '1 for nodes that are used, 0 for those that are left out.',
    labels: ['node', 'role'],
    sample: ({ nodes }) =>
      nodes.map(({ name, role, state }) => [{ node: name, role: role ?? 'unknown' }, state === 'in' ? 1 : 0]),
  },
  node_lag_bytes: {
    help: 'WAL that a standby has not replayed.',
    labels: ['node'],
    sample: ({ nodes }) =>
      nodes.flatMap(({ name, lagBytes }): Sample[] =>
        lagBytes === null ? [] : [[{ node: name }, lagBytes]],
      ),
  },
  node_lag_seconds: {
    help: 'How long the oldest WAL that a standby has not replayed has been waiting.',
    labels: ['node'],
    sample: ({ nodes }) =>
      nodes.flatMap(({ name, lagMs }): Sample[] => (lagMs === null ? [] : [[{ node: name }, lagMs / 1000]])),
  },
}

/** How many there are of each. */
function count(each: readonly Labels[]): Sample[] {
  const counts = new Map<string, { labels: Labels; times: number }>()
  for (const labels of each) {
    const key = JSON.stringify(labels)
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { labels, times: 1 })
    else known.times++
  }
  return [...counts.values()].map(({ labels, times }) => [labels, times])
}

/** A histogram that is counted elsewhere: the library's own would cost every batch more than it needs. */
function latencyMetric(read: () => LatencySnapshot): Metric {
  const name = 'pgherd_proxy_batch_duration_seconds'
  const metric = {
    name,
    get: async () => {
      const { boundsMs, counts, count: total, sumMs } = read()
      let below = 0
      const buckets = boundsMs.map((boundMs, at) => {
        below += counts[at] as number
        return { metricName: `${name}_bucket`, labels: { le: boundMs / 1000 }, value: below }
      })
      return {
        name,
        help: 'How long clients waited for the answer to a batch: a query, or everything up to a Sync.',
        type: 'histogram',
        aggregator: 'sum',
        values: [
          ...buckets,
          { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: total },
          { metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 },
          { metricName: `${name}_count`, labels: {}, value: total },
        ],
      }
    },
    reset: () => {},
  }
  return metric as unknown as Metric
}
