import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readOptions } from '@pgherd/client/internal'
import type { GroupView } from '@pgherd/core/routing'
import { Admission } from './admission.js'
import { ALL_IDS, ClientRoll } from './client-roll.js'
import { HerdLink } from './herd-link.js'
import type { HealthServer } from './metrics/health-server.js'
import { type FactsPart, type ProxyFacts, pickFacts } from './proxy-facts.js'
import {
  describeSettings,
  type ProxyOptions,
  type ProxySettings,
  readProxyOptions,
  reloadable,
} from './proxy-options.js'
import { Reception } from './reception.js'
import type { TenantLimits } from './server/tenant.js'
import type { Address, HoldTerms, ProxyEvents, ProxyOwner, ServingProxy } from './serving-proxy.js'
import { BatchMeter } from './session/batch-meter.js'
import { KeyedReads } from './session/keyed-read.js'
import { PauseGate } from './session/pause-gate.js'
import { StatementNames } from './session/virtual-statement.js'
import { HerdGroups } from './shards/herd-groups.js'
import { KnownDatabases } from './shards/known-databases.js'
import { VERSION } from './version.js'
import type { WorkerPlace } from './workers/worker-place.js'

const SWEEP_MS = 5000
/** How often it is looked whether what runs has ended. */
const QUIET_POLL_MS = 5
/** How long clients may take to hang up once they were told that this is the end. */
const FAREWELL_MS = 1000
export const STOP_GRACE_MS = 30_000

/** A server that speaks PostgreSQL's protocol, with a herd behind it: all of it in this process. */
export class WireProxy extends EventEmitter<ProxyEvents> implements ServingProxy {
  #settings: ProxySettings
  readonly #limits: TenantLimits
  readonly #owner: ProxyOwner
  readonly #link: HerdLink
  readonly #server: net.Server
  readonly #roll: ClientRoll
  readonly #groups: HerdGroups
  readonly #databases: KnownDatabases
  readonly #reception: Reception
  readonly #admission: Admission
  readonly #startedAtMs = Date.now()
  /** Resolves when the port is free; null while it takes clients. */
  #stopped: Promise<unknown> | null = null
  #closed: Promise<void> | null = null
  #lease: NodeJS.Timeout | undefined
  #health: HealthServer | null = null
  readonly #gate = new PauseGate()
  readonly #meter = new BatchMeter()
  readonly #sweep: NodeJS.Timeout

  private constructor(settings: ProxySettings, owner: ProxyOwner, place: WorkerPlace | null) {
    super()
    this.#settings = settings
    this.#limits = { ...settings.limits }
    this.#owner = owner
    this.#admission = new Admission(settings.clients)
    this.#link = new HerdLink(readOptions(settings.herd, process.env))
    this.#roll = new ClientRoll(place?.ids ?? ALL_IDS)
    this.#groups = new HerdGroups(this.#link, this.#limits, (event) => this.emit('event', event))
    this.#databases = new KnownDatabases(this.#groups, (database) => place?.catalogueChanged(database))
    const doorkeeper = place?.doorkeeper ?? this.#admission
    const names = new StatementNames()
    this.#reception = new Reception(settings, {
      link: this.#link,
      roll: this.#roll,
      tenants: this.#groups.first.tenants,
      databases: this.#databases,
      context: {
        link: this.#link,
        names,
        keyed: new KeyedReads(names),
        failoverWaitMs: this.#link.settings.failoverWaitMs,
        gate: this.#gate,
        meter: this.#meter,
        closed: (session) => {
          this.#roll.remove(session)
          const { user, database } = session.tenant.identity
          doorkeeper.leave(user, database)
        },
      },
      doorkeeper,
      administered: place?.administered ?? this,
      mockSecret: place?.mockSecret ?? randomBytes(32),
      cancel: (processId, secretKey) => {
        if (this.#roll.owns(processId)) this.cancel(processId, secretKey)
        else place?.cancelElsewhere(processId, secretKey)
      },
    })
    this.#server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => this.welcome(socket))
    this.#sweep = setInterval(() => {
      this.#groups.sweep(performance.now() - this.#settings.idleTimeoutMs)
      this.#databases.touch(performance.now())
    }, SWEEP_MS)
    this.#sweep.unref()
  }

  /** Resolves when clients can connect. Rejects with OPTIONS_INVALID, or what listening says (EADDRINUSE). */
  static async start(options: ProxyOptions, owner: ProxyOwner = {}): Promise<WireProxy> {
    const proxy = new WireProxy({ ...readProxyOptions(options), workers: 1 }, owner, null)
    try {
      await proxy.#link.start()
      await proxy.#listenForHealth()
      await proxy.#listen()
      return proxy
    } catch (error) {
      clearInterval(proxy.#sweep)
      proxy.#health?.close()
      await proxy.#groups.close()
      throw error
    }
  }

  /** One of several: it listens nowhere, and is given the connections of its clients. */
  static async join(options: ProxyOptions, place: WorkerPlace): Promise<WireProxy> {
    const proxy = new WireProxy(readProxyOptions(options), {}, place)
    await proxy.#link.start()
    return proxy
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#settings
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
  }

  async #listenForHealth(): Promise<void> {
    const { metricsHost, metricsPort } = this.#settings
    if (metricsPort === null) return
    // Its library is for those who use it.
    const { HealthServer } = await import('./metrics/health-server.js')
    this.#health = await HealthServer.listen(metricsHost, metricsPort, (...parts) => this.look(...parts))
  }

  /** Takes a client whose connection was just made. */
  welcome(socket: net.Socket): void {
    void this.#reception.welcome(socket)
  }

  get metricsAddress(): Address | null {
    return this.#health?.address ?? null
  }

  get address(): Address {
    const { address, port } = this.#server.address() as net.AddressInfo
    return { host: address, port }
  }

  get topology(): GroupView {
    return this.#link.view
  }

  /** Batches by the role of the node and by connection, since the start. */
  get statistics() {
    return { clients: this.#roll.size, batches: this.#meter.read().batches }
  }

  /** What it is and does just now. */
  get facts(): ProxyFacts {
    const [roll, groups, meter] = [this.#roll, this.#groups, this.#meter]
    const settings = { ...this.#settings, ...(this.#server.listening ? this.address : {}) }
    const startedAtMs = this.#startedAtMs
    const isStopping = this.#stopped !== null
    return {
      version: VERSION,
      startedAtMs,
      state: isStopping ? 'stopping' : 'running',
      paused: this.#gate.paused,
      get workers() {
        const state = isStopping ? 'stopping' : 'serving'
        return [{ worker: 0, pid: process.pid, state, clients: roll.size, startedAtMs }] as const
      },
      get clients() {
        return roll.facts
      },
      get servers() {
        return groups.servers
      },
      get pools() {
        return groups.pools
      },
      get nodes() {
        return groups.all.flatMap(({ link }) => Object.values(link.view.nodes))
      },
      get config() {
        return describeSettings(settings)
      },
      get meter() {
        return meter.read()
      },
    }
  }

  async look<Part extends FactsPart>(...parts: readonly Part[]): Promise<Pick<ProxyFacts, Part>> {
    return pickFacts(this.facts, parts)
  }

  // ---- orders

  /**
   * Keeps new batches of a database (null: of all) waiting; what has begun goes on. Resolves when nothing
   * runs any more, or when `abandoned`: paused it is from the start, until `resume`.
   */
  async pause(database: string | null, abandoned?: AbortSignal): Promise<void> {
    this.#gate.pause(database)
    while (!abandoned?.aborted && this.#roll.isBusy(database) && this.#gate.holdsAny)
      await sleep(QUIET_POLL_MS)
  }

  /** False when nothing was paused. */
  resume(database: string | null): boolean {
    return this.#gate.resume(database)
  }

  async hold({ patienceMs, leaseMs }: HoldTerms): Promise<boolean> {
    this.#gate.switching = true
    clearTimeout(this.#lease)
    this.#lease = setTimeout(() => this.release(), leaseMs)
    this.#lease.unref()
    const deadline = performance.now() + patienceMs
    while (this.#roll.isBusy(null)) {
      if (performance.now() > deadline) return false
      await sleep(QUIET_POLL_MS)
    }
    return true
  }

  release(): void {
    clearTimeout(this.#lease)
    this.#gate.switching = false
  }

  reconnect(database: string | null): void {
    this.#groups.reconnect(database)
  }

  kill(client: number): boolean {
    return this.#roll.kill(client)
  }

  /** As a client asked over another connection, if the key is right. */
  cancel(processId: number, secretKey: Buffer): void {
    this.#roll.cancel(processId, secretKey)
  }

  /** The catalogue of this database was changed by somebody who is not here. */
  catalogueChanged(database: string): void {
    this.#databases.reread(database)
  }

  async reload(options?: ProxyOptions): Promise<void> {
    const given = options ?? (await this.#owner.reload?.())
    if (given !== undefined) {
      const settings = readProxyOptions(given)
      this.#link.become(readOptions(settings.herd, process.env).addresses)
      this.#settings = { ...this.#settings, ...reloadable(settings) }
      Object.assign(this.#limits, this.#settings.limits)
      this.#admission.limits = this.#settings.clients
      this.#reception.settings = this.#settings
    }
    this.#reception.forgetUsers()
    this.#databases.reread(null)
  }

  /** The SHUTDOWN of the admin database. */
  shutdown(): void {
    if (this.#owner.shutdown === undefined) void this.stop()
    else this.#owner.shutdown()
  }

  // ---- the end

  async stop({ graceMs = STOP_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#stopListening()
    const deadline = performance.now() + graceMs
    while (this.#roll.size > 0 && performance.now() < deadline) {
      this.#roll.dismiss('idle')
      await sleep(QUIET_POLL_MS)
    }
    await this.close()
  }

  #stopListening(): void {
    if (this.#stopped !== null) return
    this.#stopped = this.#server.listening ? once(this.#server, 'close') : Promise.resolve()
    this.#server.close()
    this.#reception.close()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweep)
    this.#stopListening()
    this.#roll.dismiss('all')
    this.#reception.closeConsoles()
    await this.#groups.close()
    await this.#reception.empty(FAREWELL_MS)
    await this.#stopped
    this.#health?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
