import type { Herd } from '@pgherd/cluster'
import type { NodeStatus } from '@pgherd/core'
import type { NodeSample, Sample } from '@pgherd/core/api'
import type { ProxyFigures } from '../../proxy-process/proxy-control.js'
import type { ProxyKeeper } from '../../proxy-process/proxy-keeper.js'
import { type NodeFigures, NodeFiguresReader } from './node-figures.js'
import { percentileOf } from './percentiles.js'

export const SAMPLE_EVERY_MS = 1000
/** An hour. */
const KEPT = 3600

/** What was counted at a moment, for the difference to the next. */
interface Count {
  readonly atMs: number
  readonly nodes: ReadonlyMap<string, NodeFigures>
  readonly proxy: ProxyFigures | null
}

const NOTHING: Count = { atMs: 0, nodes: new Map(), proxy: null }

/** Notes once a second how the herd does, and remembers the last hour. */
export class Sampler {
  readonly #herd: Herd
  readonly #keeper: ProxyKeeper | null
  readonly #readers = new Map<string, NodeFiguresReader>()
  readonly #listeners = new Set<(sample: Sample) => void>()
  #samples: Sample[] = []
  #last: Count = NOTHING
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(herd: Herd, keeper: ProxyKeeper | null) {
    this.#herd = herd
    this.#keeper = keeper
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.#take()
          .catch((error: unknown) => console.error((error as Error).stack))
          .finally(() => {
            if (!this.#isClosed) this.start()
          })
      },
      SAMPLE_EVERY_MS - (Date.now() % SAMPLE_EVERY_MS),
    )
    this.#timer.unref()
  }

  /** The last ones, oldest first. */
  last(count: number): readonly Sample[] {
    return count <= 0 ? [] : this.#samples.slice(-Math.min(count, KEPT))
  }

  listen(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const reader of this.#readers.values()) reader.close()
  }

  async #take(): Promise<void> {
    const { groups } = await this.#herd.status({ fresh: false })
    const nodes = groups.flatMap((group) => group.nodes)
    const [figures, proxy] = await Promise.all([
      Promise.all(nodes.map((node) => this.#readerOf(node).read())),
      this.#keeper?.control?.figures().catch(() => null) ?? null,
    ])
    if (this.#isClosed) return
    this.#forget(nodes)
    const known = nodes.flatMap(({ name }, at) => (figures[at] ? [[name, figures[at]] as const] : []))
    const now: Count = { atMs: performance.now(), nodes: new Map(known), proxy }
    const sample = sampleOf(nodes, this.#last, now)
    this.#last = now
    this.#samples.push(sample)
    if (this.#samples.length > 2 * KEPT) this.#samples = this.#samples.slice(-KEPT)
    for (const listener of this.#listeners) listener(sample)
  }

  #readerOf({ name }: NodeStatus): NodeFiguresReader {
    let reader = this.#readers.get(name)
    if (reader === undefined) {
      reader = new NodeFiguresReader(this.#herd, name)
      this.#readers.set(name, reader)
    }
    return reader
  }

  #forget(nodes: readonly NodeStatus[]): void {
    for (const [name, reader] of this.#readers) {
      if (nodes.some((node) => node.name === name)) continue
      reader.close()
      this.#readers.delete(name)
    }
  }
}

function sampleOf(nodes: readonly NodeStatus[], before: Count, now: Count): Sample {
  const seconds = (now.atMs - before.atMs) / 1000
  return {
    at: Date.now(),
    nodes: nodes.map((node) => nodeSampleOf(node, before, now, seconds)),
    latencyMs: latencyOf(before.proxy, now.proxy),
    clients: now.proxy?.clients ?? 0,
    serverConnections: now.proxy?.serverConnections ?? 0,
    lanes: now.proxy?.lanes ?? 0,
  }
}

function nodeSampleOf(
  { name, host, port, lagBytes, lagMs }: NodeStatus,
  before: Count,
  now: Count,
  seconds: number,
): NodeSample {
  const address = `${host}:${port}`
  const [was, is] = [before.proxy?.byNode[address], now.proxy?.byNode[address]]
  const isComparable = before.proxy !== null && is !== undefined
  const [counted, counts] = [before.nodes.get(name), now.nodes.get(name)]
  return {
    name,
    lagBytes,
    lagMs,
    readsPerSecond: isComparable ? rate(was?.reads ?? 0, is.reads, seconds) : 0,
    writesPerSecond: isComparable ? rate(was?.writes ?? 0, is.writes, seconds) : 0,
    connections: counts?.connections ?? null,
    transactionsPerSecond:
      counted === undefined || counts === undefined
        ? null
        : rate(counted.transactions, counts.transactions, seconds),
  }
}

/** A counter that has begun anew has counted what it says since. */
function rate(before: number, now: number, seconds: number): number {
  return (now < before ? now : now - before) / seconds
}

function latencyOf(before: ProxyFigures | null, now: ProxyFigures | null): Sample['latencyMs'] {
  if (before === null || now === null) return null
  const { boundsMs } = now.latency
  const counts = now.latency.counts.map((count, at) => {
    const was = before.latency.counts[at] ?? 0
    return count < was ? count : count - was
  })
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((fraction) => percentileOf(boundsMs, counts, fraction))
  return p50 == null || p95 == null || p99 == null ? null : { p50, p95, p99 }
}
