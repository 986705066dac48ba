import type { ServerResponse } from 'node:http'
import type { Herd, HerdEvent } from '@pgherd/cluster'
import type { HerdStatus } from '@pgherd/core'
import type { Job, Sample } from '@pgherd/core/api'
import { Refusal } from '../problem.js'

/** The kinds of messages that there are. */
export const STREAM_KINDS = ['event', 'topology', 'nodes', 'sample', 'job'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/** So that neither side takes a connection on which nothing happens for a dead one. */
const KEEP_ALIVE_MS = 15_000
/** What only flows on (LSNs, lag) is told at most so often; who does what, at once. */
const FLOW_MS = 1000
/** The first change is looked at at once; those that follow within this, together. */
const GATHER_MS = 10
/** A reader that lets so much pile up is cut off; it comes back by itself and resumes. */
const MOST_QUEUED_BYTES = 1024 * 1024
const MOST_STREAMS = 5000
const STILL_HERE = Buffer.from(': still here\n\n')

interface Reader {
  readonly response: ServerResponse
  readonly only: ReadonlySet<StreamKind>
  /** The nodes that it was told last. */
  nodes: string
}

export interface StreamOptions {
  /** Null: all kinds. */
  readonly only: ReadonlySet<StreamKind> | null
  /** Events after this one come first; null: none that were before. */
  readonly after: number | null
}

interface Sources {
  readonly herd: Herd
  readonly jobs: { readonly all: Job[]; listen(listener: (job: Job) => void): () => void }
  readonly samples: { listen(listener: (sample: Sample) => void): () => void }
}

/**
 * Server-sent events (WHATWG HTML, "Server-sent events") to whoever looks on. A message is put into words once,
 * however many there are who read it.
 */
export class EventStream {
  readonly #herd: Herd
  readonly #jobs: Sources['jobs']
  readonly #readers = new Set<Reader>()
  readonly #stops: (() => void)[]
  readonly #beat: NodeJS.Timeout
  #topology = ''
  #standing = ''
  #sentAtMs = 0
  #lookedAtMs = 0
  #timer: NodeJS.Timeout | null = null
  #dueMs = 0

  constructor({ herd, jobs, samples }: Sources) {
    this.#herd = herd
    this.#jobs = jobs
    this.#stops = [
      herd.events.listen((event) => this.#tell('event', event, event.id)),
      jobs.listen((job) => this.#tell('job', job)),
      samples.listen((sample) => this.#tell('sample', sample)),
      herd.onChange(() => this.#gather(this.#lookedAtMs + GATHER_MS - performance.now())),
    ]
    this.#beat = setInterval(() => {
      for (const reader of this.#readers) this.#give(reader, STILL_HERE)
    }, KEEP_ALIVE_MS)
    this.#beat.unref()
  }

  get readers(): number {
    return this.#readers.size
  }

  /** Sends what happens from now on, until the client leaves. Throws a refusal when there are too many. */
  async add(response: ServerResponse, { only, after }: StreamOptions): Promise<void> {
    if (this.#readers.size >= MOST_STREAMS)
      throw new Refusal(503, 'QUEUE_FULL', `There are ${MOST_STREAMS} event streams already.`)
    const reader: Reader = { response, only: only ?? new Set(STREAM_KINDS), nodes: '' }
    const missed = after === null ? [] : await this.#herd.events.after(after)
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.flushHeaders()
    const status = await this.#herd.status({ fresh: false })
    const since = missed.at(-1)?.id ?? after
    // What happened while the files were read; from here on to the end nothing can come in between.
    const meanwhile = since === null ? [] : this.#herd.events.recent(1000).filter(({ id }) => id > since)
    reader.nodes = this.#nodesNow()
    const first = [
      'retry: 1000\n\n',
      ...[...missed, ...meanwhile].map((event: HerdEvent) => message('event', event, event.id)),
      message('topology', status),
      reader.nodes,
      ...this.#jobs.all.filter(({ state }) => state === 'running').map((job) => message('job', job)),
    ]
    const wanted = first.filter(
      (text, at) => at === 0 || [...reader.only].some((kind) => text.includes(`event: ${kind}\n`)),
    )
    this.#give(reader, Buffer.from(wanted.join('')))
    if (response.destroyed) return
    this.#readers.add(reader)
    response.once('close', () => this.#readers.delete(reader))
  }

  close(): void {
    clearInterval(this.#beat)
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const stop of this.#stops) stop()
    for (const { response } of this.#readers) response.end()
    this.#readers.clear()
  }

  #tell(kind: StreamKind, value: unknown, id?: number): void {
    if (this.#readers.size === 0) return
    const bytes = Buffer.from(message(kind, value, id))
    for (const reader of this.#readers) if (reader.only.has(kind)) this.#give(reader, bytes)
  }

  #give(reader: Reader, bytes: Buffer): void {
    const { response } = reader
    response.write(bytes)
    if (response.writableLength <= MOST_QUEUED_BYTES) return
    this.#readers.delete(reader)
    response.destroy()
  }

  #gather(inMs: number): void {
    const dueMs = performance.now() + Math.max(0, inMs)
    if (this.#readers.size === 0 || (this.#timer !== null && this.#dueMs <= dueMs)) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#dueMs = dueMs
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#tellNodes()
      void this.#tellTopology()
    }, inMs)
    this.#timer.unref()
  }

  #nodesNow(): string {
    return message('nodes', { groups: this.#herd.servingNodes() })
  }

  #tellNodes(): void {
    const nodes = this.#nodesNow()
    for (const reader of this.#readers) {
      if (reader.nodes === nodes || !reader.only.has('nodes')) continue
      reader.nodes = nodes
      this.#give(reader, Buffer.from(nodes))
    }
  }

  async #tellTopology(): Promise<void> {
    this.#lookedAtMs = performance.now()
    const status = await this.#herd.status({ fresh: false })
    const [text, standing] = [JSON.stringify(status), standingOf(status)]
    if (text === this.#topology) return
    const waitMs = this.#sentAtMs + FLOW_MS - performance.now()
    if (standing === this.#standing && waitMs > 0) {
      this.#gather(waitMs)
      return
    }
    this.#topology = text
    this.#standing = standing
    this.#sentAtMs = performance.now()
    this.#tell('topology', status)
  }
}

/** All of it but what flows on by itself. */
function standingOf(status: HerdStatus): string {
  return JSON.stringify(status, (key, value) =>
    key === 'lsn' || key === 'lagBytes' || key === 'lagMs' ? undefined : value,
  )
}

function message(kind: StreamKind, value: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(value)}\n\n`
}
