import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import { serialize } from 'node:v8'
import { readOptions } from '@pgherd/client/internal'
import { HerdError } from '@pgherd/core'
import type { GroupView } from '@pgherd/core/routing'
import { Admission } from '../admission.js'
import { HerdLink } from '../herd-link.js'
import type { HealthServer } from '../metrics/health-server.js'
import { type FactsPart, type ProxyFacts, pickFacts } from '../proxy-facts.js'
import {
  describeSettings,
  type ProxyOptions,
  type ProxySettings,
  readProxyOptions,
  reloadable,
} from '../proxy-options.js'
import type { Address, HoldTerms, ProxyEvents, ProxyOwner, ServingProxy } from '../serving-proxy.js'
import { BatchMeter } from '../session/batch-meter.js'
import { PauseGate } from '../session/pause-gate.js'
import { addMeters, sumPools } from '../sum-facts.js'
import { VERSION } from '../version.js'
import { STOP_GRACE_MS } from '../wire-proxy.js'
import { ANSWER_MS, WorkerKeeper } from './worker-keeper.js'
import {
  PARTS_OF_WORKERS,
  type PartOfWorkers,
  type SharedServices,
  type WorkerAnswer,
  type WorkerJob,
} from './worker-orders.js'
import { optionsOfWorker } from './worker-share.js'

/**
 * A proxy of several processes: this one listens and hands each connection to one of the workers, which serve
 * the clients. What is ordered here is done by all of them, and what is asked is answered for all.
 */
export class Coordinator extends EventEmitter<ProxyEvents> implements ServingProxy {
  #options: ProxyOptions
  #settings: ProxySettings
  readonly #owner: ProxyOwner
  readonly #link: HerdLink
  readonly #admission: Admission
  readonly #server: net.Server
  readonly #workers: readonly WorkerKeeper[]
  readonly #mockSecret = randomBytes(32)
  readonly #startedAtMs = Date.now()
  /** What is paused, for workers that are started meanwhile. */
  readonly #gate = new PauseGate()
  #heldUntilMs = 0
  /** Connections that no worker was free for yet. */
  #arrived: net.Socket[] = []
  /** Whose turn it is. */
  #turn = 0
  #health: HealthServer | null = null
  #isStopping = false
  #closed: Promise<void> | null = null

  private constructor(options: ProxyOptions, owner: ProxyOwner) {
    super()
    this.#settings = readProxyOptions(options)
    refuseUnsendable(options)
    this.#options = options
    this.#owner = owner
    this.#admission = new Admission(this.#settings.clients)
    this.#link = new HerdLink(readOptions(this.#settings.herd, process.env))
    this.#link.on('event', (event) => this.emit('event', event))
    const coordination = {
      admission: this.#admission,
      services: (worker: number) => this.#servicesFor(worker),
      label: owner.label ?? null,
      job: (worker: number) => this.#jobOf(worker),
      began: (worker: WorkerKeeper, job: WorkerJob) => this.#began(worker, job),
      tell: (event: ProxyEvents['event'][0]) => this.emit('event', event),
    }
    this.#workers = Array.from(
      { length: this.#settings.workers },
      (_, worker) => new WorkerKeeper(worker, coordination),
    )
    this.#server = net.createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) =>
      this.#arrive(socket),
    )
  }

  /** Resolves when clients can connect. Rejects with OPTIONS_INVALID, or what listening says (EADDRINUSE). */
  static async start(options: ProxyOptions, owner: ProxyOwner = {}): Promise<Coordinator> {
    const proxy = new Coordinator(options, owner)
    try {
      await Promise.all([proxy.#link.start(), ...proxy.#workers.map((worker) => worker.start())])
      await proxy.#listenForHealth()
      await proxy.#listen()
      return proxy
    } catch (error) {
      await proxy.close()
      throw error
    }
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#settings
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
  }

  async #listenForHealth(): Promise<void> {
    const { metricsHost, metricsPort } = this.#settings
    if (metricsPort === null) return
    const { HealthServer } = await import('../metrics/health-server.js')
    this.#health = await HealthServer.listen(
      metricsHost,
      metricsPort,
      (...parts) => this.look(...parts),
      async () =>
        (await this.#all((line) => line.askWithin(ANSWER_MS, 'processFigures'))).filter(
          (each) => each !== null,
        ),
    )
  }

  get address(): Address {
    const { address, port } = this.#server.address() as net.AddressInfo
    return { host: address, port }
  }

  get metricsAddress(): Address | null {
    return this.#health?.address ?? null
  }

  get topology(): GroupView {
    return this.#link.view
  }

  // ---- clients

  #arrive(socket: net.Socket): void {
    socket.on('error', () => {})
    // Only while it waits here: a worker that takes it counts for itself.
    socket.setTimeout(this.#settings.loginTimeoutMs, () => socket.destroy())
    this.#arrived.push(socket)
    this.#distribute()
  }

  /** One connection at a time is on its way to each worker: who is busy gets fewer, and little is lost with one. */
  #distribute(): void {
    while (this.#arrived.length > 0) {
      const worker = this.#nextFree()
      if (worker === null) return
      const socket = this.#arrived.shift() as net.Socket
      if (!socket.destroyed) void worker.take(socket).then(() => this.#distribute())
    }
  }

  #nextFree(): WorkerKeeper | null {
    const { length } = this.#workers
    for (let step = 0; step < length; step++) {
      const worker = this.#workers[(this.#turn + step) % length] as WorkerKeeper
      if (!worker.isFree) continue
      this.#turn = (worker.worker + 1) % length
      return worker
    }
    return null
  }

  // ---- workers

  #jobOf(worker: number): WorkerJob {
    const { length: workers } = this.#workers
    const options = optionsOfWorker(this.#options, this.#settings.limits, worker, workers)
    return { options, worker, workers, mockSecret: this.#mockSecret }
  }

  /** A worker that was started again is told what the others were told meanwhile, before it gets a client. */
  #began(worker: WorkerKeeper, job: WorkerJob): void {
    const { line } = worker
    const now = this.#jobOf(worker.worker).options
    if (JSON.stringify(now) !== JSON.stringify(job.options)) quietly(line?.ask('reload', now))
    const { paused } = this.#gate
    for (const database of paused === 'all' ? [null] : paused) quietly(line?.ask('pause', database))
    const leaseMs = this.#heldUntilMs - performance.now()
    if (leaseMs > 0) quietly(line?.ask('hold', { patienceMs: 0, leaseMs }))
    this.#distribute()
  }

  #servicesFor(asking: number): SharedServices {
    return {
      cancel: (processId, secretKey) =>
        quietly(this.#workerOf(processId).line?.ask('cancel', processId, secretKey)),
      catalogueChanged: (database) => {
        for (const { worker, line } of this.#workers)
          if (worker !== asking) quietly(line?.ask('catalogueChanged', database))
      },
      look: (parts) => this.look(...parts),
      pause: (database) => this.pause(database),
      resume: (database) => this.resume(database),
      reconnect: (database) => this.reconnect(database),
      kill: (client) => this.kill(client),
      reload: () => this.reload(),
      shutdown: () => this.shutdown(),
    }
  }

  #workerOf(client: number): WorkerKeeper {
    return this.#workers[client % this.#workers.length] as WorkerKeeper
  }

  /** Asks all workers; of one that ends meanwhile nothing is expected. */
  async #all<Answer>(
    ask: (line: NonNullable<WorkerKeeper['line']>) => Promise<Answer>,
  ): Promise<(Answer | null)[]> {
    return Promise.all(this.#workers.map(({ line }) => (line === null ? null : ask(line).catch(() => null))))
  }

  // ---- what is asked

  async look<Part extends FactsPart>(...parts: readonly Part[]): Promise<Pick<ProxyFacts, Part>> {
    const wanted = PARTS_OF_WORKERS.filter((part) => (parts as readonly FactsPart[]).includes(part))
    return pickFacts({ ...this.#ownFacts, ...(await this.#factsOfWorkers(wanted)) }, parts)
  }

  async #factsOfWorkers(parts: readonly PartOfWorkers[]): Promise<Pick<ProxyFacts, PartOfWorkers>> {
    const answers: WorkerAnswer[] =
      parts.length === 0 ? [] : await Promise.all(this.#workers.map((worker) => worker.look(parts)))
    return {
      clients: answers.flatMap(({ clients = [] }) => clients),
      servers: answers.flatMap(({ servers = [] }) => servers),
      pools: sumPools(answers.flatMap(({ pools = [] }) => pools)),
      meter: answers.flatMap(({ meter = [] }) => meter).reduce(addMeters, new BatchMeter().read()),
    }
  }

  get #ownFacts(): Omit<ProxyFacts, PartOfWorkers> {
    const settings = { ...this.#settings, ...(this.#server.listening ? this.address : {}) }
    return {
      version: VERSION,
      startedAtMs: this.#startedAtMs,
      state: this.#isStopping ? 'stopping' : 'running',
      paused: this.#gate.paused,
      workers: this.#workers.map(({ facts }) => facts),
      nodes: Object.values(this.#link.view.nodes),
      config: describeSettings(settings),
    }
  }

  // ---- orders

  async pause(database: string | null): Promise<void> {
    this.#gate.pause(database)
    await this.#all((line) => line.ask('pause', database))
  }

  async resume(database: string | null): Promise<boolean> {
    const wasPaused = this.#gate.resume(database)
    await this.#all((line) => line.ask('resume', database))
    return wasPaused
  }

  async hold(terms: HoldTerms): Promise<boolean> {
    this.#heldUntilMs = performance.now() + terms.leaseMs
    return (await this.#all((line) => line.ask('hold', terms))).every((isQuiet) => isQuiet !== false)
  }

  release(): void {
    this.#heldUntilMs = 0
    void this.#all((line) => line.ask('release'))
  }

  reconnect(database: string | null): void {
    void this.#all((line) => line.ask('reconnect', database))
  }

  async kill(client: number): Promise<boolean> {
    return (
      (await this.#workerOf(client)
        .line?.ask('kill', client)
        .catch(() => false)) ?? false
    )
  }

  async reload(options?: ProxyOptions): Promise<void> {
    const given = options ?? (await this.#owner.reload?.())
    if (given !== undefined) {
      const settings = readProxyOptions(given)
      refuseUnsendable(given)
      this.#link.become(readOptions(settings.herd, process.env).addresses)
      this.#options = given
      this.#settings = { ...this.#settings, ...reloadable(settings) }
      this.#admission.limits = this.#settings.clients
    }
    await Promise.all(
      this.#workers.map(({ worker, line }) =>
        quietly(line?.ask('reload', given === undefined ? null : this.#jobOf(worker).options)),
      ),
    )
  }

  shutdown(): void {
    if (this.#owner.shutdown === undefined) void this.stop()
    else this.#owner.shutdown()
  }

  // ---- the end

  async stop({ graceMs = STOP_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true
      this.#server.close()
      for (const socket of this.#arrived.splice(0)) socket.destroy()
    }
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMs)))
    this.#closed ??= this.#link.close().then(() => this.#health?.close())
    await this.#closed
  }

  close(): Promise<void> {
    return this.stop({ graceMs: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** What goes to workers is data: a function in the options of a node could not be called there. */
function refuseUnsendable(options: ProxyOptions): void {
  try {
    serialize(options)
  } catch (cause) {
    throw new HerdError('OPTIONS_INVALID', 'Options with functions in them are for `workers: 1`.', { cause })
  }
}

/** Resolves in any case: a worker that is gone needs no orders. */
async function quietly(asked: Promise<unknown> | undefined): Promise<void> {
  await asked?.catch(() => {})
}
