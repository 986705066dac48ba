import type { Herd } from '@pgherd/cluster'
import type { HerdStatus } from '@pgherd/core'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ProxyKeeper } from '../../proxy-process/proxy-keeper.js'
import type { JobBoard } from '../jobs/job-board.js'
import type { Sampler } from '../samples/sampler.js'

type Labels = Record<string, string>
type Reading = readonly [labels: Labels, value: number]

interface Sources {
  readonly herd: Herd
  readonly keeper: ProxyKeeper | null
  readonly jobs: JobBoard
  readonly samples: Sampler
  readonly streams: () => number
  readonly version: string
}

const LATENCY_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

/** Prometheus' figures of a herd, looked up when somebody asks; those of its proxy come from its process. */
export class HerdMetrics {
  readonly #registry = new Registry()
  readonly #sources: Sources
  readonly #requests: Histogram
  readonly #stop: () => void
  #status: HerdStatus | null = null

  constructor(sources: Sources) {
    this.#sources = sources
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    for (const [name, figure] of Object.entries(FIGURES)) this.#register(name, figure)
    this.#requests = new Histogram({
      name: 'pgherd_api_request_duration_seconds',
      help: 'How long requests to the control API took, event streams left out.',
      labelNames: ['method', 'route', 'status'],
      buckets: LATENCY_BOUNDS_S,
      registers,
    })
    const events = new Counter({
      name: 'pgherd_events_total',
      help: 'Events since this supervisor began.',
      labelNames: ['kind', 'group'],
      registers,
    })
    const failovers = new Counter({
      name: 'pgherd_failovers_total',
      help: 'Failovers that were begun since this supervisor began.',
      labelNames: ['group'],
      registers,
    })
    const switchovers = new Counter({
      name: 'pgherd_switchovers_total',
      help: 'Switchovers that were begun since this supervisor began.',
      labelNames: ['group'],
      registers,
    })
    for (const group of sources.herd.groupNames)
      for (const counter of [failovers, switchovers]) counter.inc({ group }, 0)
    this.#stop = sources.herd.events.listen(({ kind, group }) => {
      events.inc({ kind, group: group ?? '' })
      if (kind === 'failover-started') failovers.inc({ group: group ?? '' })
      if (kind === 'switchover-started') switchovers.inc({ group: group ?? '' })
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** `route`: as it is declared, or there would be as many as there are requests. */
  requested(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds)
  }

  async read(): Promise<string> {
    const { herd, keeper } = this.#sources
    this.#status = await herd.status({ fresh: false })
    const [own, proxy] = await Promise.all([
      this.#registry.metrics(),
      keeper?.control?.metrics().catch(() => '') ?? '',
    ])
    return `${own.trimEnd()}\n${proxy}`
  }

  close(): void {
    this.#stop()
  }

  #register(name: string, { help, labels, read }: Figure): void {
    const look = (): readonly Reading[] => read(this.#status as HerdStatus, this.#sources)
    new Gauge({
      name: `pgherd_${name}`,
      help,
      labelNames: labels,
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [of, value] of look()) this.set(of, value)
      },
    })
  }
}

interface Figure {
  readonly help: string
  readonly labels: string[]
  readonly read: (status: HerdStatus, sources: Sources) => readonly Reading[]
}

const FIGURES: Readonly<Record<string, Figure>> = {
  info: {
    help: 'Which supervisor this is.',
    labels: ['herd', 'version'],
    read: ({ name }, { version }) => [[{ herd: name, version }, 1]],
  },
  node_up: {
    help: '1 for nodes that run and answer.',
    labels: ['group', 'node'],
    read: ofNodes(({ state }) => (state === 'running' ? 1 : 0)),
  },
  node_is_primary: {
    help: '1 for the primary of a group.',
    labels: ['group', 'node'],
    read: ofNodes(({ role, state }) => (role === 'primary' && state === 'running' ? 1 : 0)),
  },
  node_lag_bytes: {
    help: "WAL of the primary's that a standby has not replayed.",
    labels: ['group', 'node'],
    read: ofNodes(({ lagBytes }) => lagBytes),
  },
  node_lag_seconds: {
    help: 'How long the first of that WAL has been waiting.',
    labels: ['group', 'node'],
    read: ofNodes(({ lagMs }) => (lagMs === null ? null : lagMs / 1000)),
  },
  node_connections: {
    help: 'Server sessions of applications.',
    labels: ['node'],
    read: (_, { samples }) =>
      (samples.last(1)[0]?.nodes ?? []).flatMap(({ name, connections }): Reading[] =>
        connections === null ? [] : [[{ node: name }, connections]],
      ),
  },
  node_transactions_per_second: {
    help: "PostgreSQL's own count of commits and rollbacks in the last second.",
    labels: ['node'],
    read: (_, { samples }) =>
      (samples.last(1)[0]?.nodes ?? []).flatMap(({ name, transactionsPerSecond }): Reading[] =>
        transactionsPerSecond === null ? [] : [[{ node: name }, transactionsPerSecond]],
      ),
  },
  group_epoch: {
    help: 'Grows whenever who may write changes.',
    labels: ['group'],
    read: ({ groups }) => groups.map(({ name, epoch }) => [{ group: name }, epoch]),
  },
  group_has_primary: {
    help: '1 while a group has a primary that takes writes.',
    labels: ['group'],
    read: ({ groups }) =>
      groups.map(({ name, nodes }) => [
        { group: name },
        nodes.some(({ role, state }) => role === 'primary' && state === 'running') ? 1 : 0,
      ]),
  },
  group_steady: {
    help: '0 while a group is in the middle of something, such as a failover.',
    labels: ['group'],
    read: ({ groups }) => groups.map(({ name, phase }) => [{ group: name }, phase === 'steady' ? 1 : 0]),
  },
  group_commits_wait: {
    help: '1 while commits wait for standbys that are not there.',
    labels: ['group'],
    read: ({ groups }) => groups.map(({ name, stalled }) => [{ group: name }, stalled === null ? 0 : 1]),
  },
  group_blocked: {
    help: '1 while nobody may take over.',
    labels: ['group'],
    read: ({ groups }) => groups.map(({ name, blocked }) => [{ group: name }, blocked === null ? 0 : 1]),
  },
  proxy_up: {
    help: '1 while the proxy serves.',
    labels: [],
    read: ({ proxy }) => [[{}, proxy === null ? 0 : 1]],
  },
  jobs_running: {
    help: 'Jobs that go on.',
    labels: [],
    read: (_, { jobs }) => [[{}, jobs.all.filter(({ state }) => state === 'running').length]],
  },
  api_streams: {
    help: 'Event streams that are open.',
    labels: [],
    read: (_, { streams }) => [[{}, streams()]],
  },
}

function ofNodes(
  value: (node: HerdStatus['groups'][number]['nodes'][number]) => number | null,
): Figure['read'] {
  return ({ groups }) =>
    groups.flatMap(({ name: group, nodes }) =>
      nodes.flatMap((node): Reading[] => {
        const read = value(node)
        return read === null ? [] : [[{ group, node: node.name }, read]]
      }),
    )
}
