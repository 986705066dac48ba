import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupEvent, GroupView } from '@pgherd/core/routing'
import { ADMIN_DATABASE, AdminSession } from './admin/admin-session.js'
import { Admission } from './admission.js'
import { readStoredPasswords } from './auth/stored-passwords.js'
import { UserDirectory } from './auth/user-directory.js'
import { DatabaseBook } from './database-book.js'
import { HerdLink } from './herd-link.js'
import type { HealthServer } from './metrics/health-server.js'
import { authentication, backendKey, parameterStatus, readyForQuery } from './protocol/server-messages.js'
import type { ClientFacts, ProxyFacts } from './proxy-facts.js'
import { describeSettings, type ProxyOptions, type ProxySettings, readProxyOptions } from './proxy-options.js'
import { LoginRefused } from './server/server-connection.js'
import { identityKey, Tenant, type TenantLimits } from './server/tenant.js'
import { BatchMeter } from './session/batch-meter.js'
import { ClientSession, type SessionContext } from './session/client-session.js'
import { type Arrival, Refusal, refuse, shakeHands } from './session/handshake.js'
import { PauseGate } from './session/pause-gate.js'
import { StatementNames } from './session/virtual-statement.js'
import { VERSION } from './version.js'

interface ProxyEvents {
  event: [GroupEvent]
}

/** What whoever runs a proxy does on commands of its admin database. */
export interface ProxyOwner {
  /** RELOAD: the options as they are now. */
  reload?(): Promise<ProxyOptions>
  /** SHUTDOWN. */
  shutdown?(): void
}

const SWEEP_MS = 5000
/** How often it is looked whether what runs has ended. */
const QUIET_POLL_MS = 5
/** How long clients may take to hang up once they were told that this is the end. */
const FAREWELL_MS = 1000
const STOP_GRACE_MS = 30_000
const GOODBYE = 'terminating connection due to administrator command'

/** A server that speaks PostgreSQL's protocol, with a herd behind it. */
export class WireProxy extends EventEmitter<ProxyEvents> {
  #settings: ProxySettings
  readonly #limits: TenantLimits
  readonly #owner: ProxyOwner
  readonly #link: HerdLink
  #users: UserDirectory
  readonly #server: net.Server
  readonly #books = new Map<string, DatabaseBook>()
  readonly #tenants = new Map<string, Tenant>()
  readonly #sessions = new Map<number, ClientSession>()
  readonly #consoles = new Set<AdminSession>()
  /** Connections of all clients, and those of them that are not logged in yet. */
  readonly #sockets = new Set<net.Socket>()
  readonly #arriving = new Set<net.Socket>()
  readonly #admission: Admission
  readonly #startedAtMs = Date.now()
  #stopped: Promise<void> | null = null
  #closed: Promise<void> | null = null
  #lease: NodeJS.Timeout | undefined
  #health: HealthServer | null = null
  readonly #context: SessionContext
  readonly #gate = new PauseGate()
  readonly #meter = new BatchMeter()
  #sweep: NodeJS.Timeout | null = null

  private constructor(settings: ProxySettings, owner: ProxyOwner) {
    super()
    this.#settings = settings
    this.#limits = { ...settings.limits }
    this.#owner = owner
    this.#admission = new Admission(settings.clients)
    this.#link = new HerdLink(settings.herd)
    this.#users = this.#newUsers()
    this.#server = net.createServer({ noDelay: true, keepAlive: true, pauseOnConnect: false }, (socket) => {
      void this.#welcome(socket)
    })
    this.#context = {
      link: this.#link,
      names: new StatementNames(),
      failoverWaitMs: this.#link.settings.failoverWaitMs,
      gate: this.#gate,
      meter: this.#meter,
      closed: ({ processId, tenant }) => {
        this.#sessions.delete(processId)
        this.#admission.leave(tenant.identity.user, tenant.identity.database)
      },
    }
    this.#link.on('event', (event) => this.#heed(event))
  }

  /** Resolves when clients can connect. Rejects with OPTIONS_INVALID, or what listening says (EADDRINUSE). */
  static async start(options: ProxyOptions, owner: ProxyOwner = {}): Promise<WireProxy> {
    const proxy = new WireProxy(readProxyOptions(options), owner)
    try {
      await proxy.#link.start()
      await proxy.#listenForHealth()
      await proxy.#listen()
      return proxy
    } catch (error) {
      proxy.#health?.close()
      await proxy.#link.close()
      throw error
    }
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#settings
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    this.#sweep = setInterval(() => {
      const sinceMs = performance.now() - this.#settings.idleTimeoutMs
      for (const tenant of this.#tenants.values()) tenant.sweep(sinceMs)
      for (const book of this.#books.values()) book.touch(performance.now())
    }, SWEEP_MS)
    this.#sweep.unref()
  }

  async #listenForHealth(): Promise<void> {
    const { metricsHost, metricsPort } = this.#settings
    if (metricsPort === null) return
    // Its library is for those who use it.
    const { HealthServer } = await import('./metrics/health-server.js')
    this.#health = await HealthServer.listen(metricsHost, metricsPort, () => this.facts)
  }

  /** Where `/metrics`, `/healthz` and `/readyz` are; null: nowhere. */
  get metricsAddress(): { host: string; port: number } | null {
    return this.#health?.address ?? null
  }

  /** Where it listens. */
  get address(): { host: string; port: number } {
    const { address, port } = this.#server.address() as net.AddressInfo
    return { host: address, port }
  }

  get topology(): GroupView {
    return this.#link.view
  }

  /** Batches by the role of the node and by connection, since the start. */
  get statistics() {
    return {
      clients: this.#sessions.size,
      batches: {
        primary: { ...this.#meter.batches.primary },
        standby: { ...this.#meter.batches.standby },
      },
    }
  }

  /** What it is and does just now. */
  get facts(): ProxyFacts {
    const [link, sessions, tenants, settings] = [
      this.#link,
      this.#sessions,
      this.#tenants,
      { ...this.#settings, ...(this.#server.listening ? this.address : {}) },
    ]
    return {
      version: VERSION,
      startedAtMs: this.#startedAtMs,
      state: this.#stopped === null ? 'running' : 'stopping',
      paused: this.#gate.paused,
      meter: this.#meter,
      get clients() {
        return [...sessions.values()].map(describeClient)
      },
      get servers() {
        return [...tenants.values()].flatMap((tenant) => tenant.servers)
      },
      get pools() {
        return [...tenants.values()].flatMap(({ identity: { user, database }, counts }) =>
          counts.map((each) => ({ user, database, ...each })),
        )
      },
      get nodes() {
        return Object.values(link.view.nodes)
      },
      get config() {
        return describeSettings(settings)
      },
    }
  }

  // ---- operation

  /**
   * Keeps new batches of a database (null: of all) waiting; what has begun goes on. Resolves when nothing
   * runs any more, or when `abandoned`: paused it is from the start, until `resume`.
   */
  async pause(database: string | null, abandoned?: AbortSignal): Promise<void> {
    this.#gate.pause(database)
    while (!abandoned?.aborted && this.#isBusy(database) && this.#gate.holdsAny) await sleep(QUIET_POLL_MS)
  }

  /**
   * Keeps everything new waiting while primaryship is handed over, for at most so long, whatever becomes of
   * whoever asked. Resolves to whether nothing runs any more; what still does after `patienceMs` is left alone.
   */
  async hold({
    patienceMs,
    leaseMs,
  }: {
    readonly patienceMs: number
    readonly leaseMs: number
  }): Promise<boolean> {
    this.#gate.switching = true
    clearTimeout(this.#lease)
    this.#lease = setTimeout(() => this.release(), leaseMs)
    this.#lease.unref()
    const deadline = performance.now() + patienceMs
    while (this.#isBusy(null)) {
      if (performance.now() > deadline) return false
      await sleep(QUIET_POLL_MS)
    }
    return true
  }

  release(): void {
    clearTimeout(this.#lease)
    this.#gate.switching = false
  }

  #isBusy(database: string | null): boolean {
    for (const { state, tenant } of this.#sessions.values())
      if (
        state !== 'idle' &&
        state !== 'paused' &&
        (database ?? tenant.identity.database) === tenant.identity.database
      )
        return true
    return false
  }

  /** False when nothing was paused. */
  resume(database: string | null): boolean {
    return this.#gate.resume(database)
  }

  /** Replaces connections to servers, each as soon as nobody uses it. */
  reconnect(database: string | null): void {
    for (const tenant of this.#tenants.values())
      if (database === null || tenant.identity.database === database) tenant.retire()
  }

  /** Ends a client's session. False when there is no such client. */
  kill(client: number): boolean {
    const session = this.#sessions.get(client)
    session?.terminate(GOODBYE)
    return session !== undefined
  }

  /**
   * Takes over what can be changed while clients are connected: limits, admin users, the certificate. Users and
   * catalogues are read again. What cannot (nodes, addresses) stays as it is. Throws OPTIONS_INVALID.
   */
  async reload(options?: ProxyOptions): Promise<void> {
    const given = options ?? (await this.#owner.reload?.())
    if (given !== undefined) {
      const { clients, adminUsers, tls, loginTimeoutMs, idleTimeoutMs, limits } = readProxyOptions(given)
      this.#settings = { ...this.#settings, clients, adminUsers, tls, loginTimeoutMs, idleTimeoutMs, limits }
      Object.assign(this.#limits, limits)
      this.#admission.limits = clients
    }
    this.#users = this.#newUsers()
    for (const book of this.#books.values()) book.changed()
  }

  #newUsers(): UserDirectory {
    // An address may name none: servers may ask for none, or it stands in a file of libpq's.
    const given = [...this.#link.passwords].filter(([, password]) => typeof password === 'string')
    return new UserDirectory(new Map(given), () => readStoredPasswords(this.#link))
  }

  /** The SHUTDOWN of the admin database. */
  shutdown(): void {
    if (this.#owner.shutdown === undefined) void this.stop()
    else this.#owner.shutdown()
  }

  // ---- clients

  async #welcome(socket: net.Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    this.#arriving.add(socket)
    socket.on('error', () => {})
    /** Another one, once it is secure. */
    let spoken = socket
    const late = setTimeout(() => socket.destroy(), this.#settings.loginTimeoutMs)
    try {
      const greeting = await shakeHands(socket, { users: this.#users, tls: this.#settings.tls })
      if (greeting.kind === 'client') {
        spoken = greeting.arrival.socket
        await this.#admit(spoken, greeting.arrival)
        return
      }
      if (greeting.kind === 'cancel') this.#cancel(greeting.processId, greeting.secretKey)
      if (greeting.kind !== 'refused') socket.destroy()
    } catch (error) {
      refuse(spoken, error as Error)
    } finally {
      clearTimeout(late)
      this.#arriving.delete(socket)
    }
  }

  async #admit(socket: net.Socket, arrival: Arrival): Promise<void> {
    const { user, database } = arrival
    if (database === ADMIN_DATABASE && this.#mayAdminister(user)) {
      this.#openConsole(socket, arrival)
      return
    }
    this.#admission.enter(user, database)
    let isIn = false
    try {
      const tenant = await this.#tenantOf(arrival)
      const book = await this.#bookOf(database)
      if (this.#stopped !== null) throw new Refusal(STOPPING)
      if (socket.destroyed) return
      isIn = true
      this.#begin(socket, arrival, tenant, book)
    } finally {
      if (!isIn) this.#admission.leave(user, database)
    }
  }

  /** Those whose logins the proxy itself uses, and those who were named. */
  #mayAdminister(user: string): boolean {
    return this.#settings.adminUsers.has(user) || this.#link.passwords.has(user)
  }

  /** However many clients there are: somebody must be able to look. */
  #openConsole(socket: net.Socket, { applicationName, rest }: Arrival): void {
    const reports = { ...CONSOLE_REPORTS, application_name: applicationName }
    socket.write(
      Buffer.concat([
        authentication(0),
        ...Object.entries(reports).map(([name, value]) => parameterStatus(name, value)),
        backendKey(this.#freeId(), randomBytes(4)),
        readyForQuery('I'),
      ]),
    )
    const session = new AdminSession(socket, this, (closed) => this.#consoles.delete(closed))
    this.#consoles.add(session)
    session.start(rest)
  }

  #begin(
    socket: net.Socket,
    { applicationName, consistency, minor, rest }: Arrival,
    tenant: Tenant,
    book: DatabaseBook,
  ): void {
    const who = {
      processId: this.#freeId(),
      secretKey: randomBytes(minor >= 2 ? 32 : 4),
      applicationName,
      consistency,
    }
    socket.write(
      Buffer.concat([
        authentication(0),
        ...reportsFor(tenant, applicationName),
        backendKey(who.processId, who.secretKey),
        readyForQuery('I'),
      ]),
    )
    const session = new ClientSession(socket, tenant, book, this.#context, who)
    this.#sessions.set(who.processId, session)
    session.start(rest)
  }

  #freeId(): number {
    for (;;) {
      const id = randomInt(1, 2 ** 31 - 1)
      if (!this.#sessions.has(id)) return id
    }
  }

  async #tenantOf({ user, database, settings, credentials }: Arrival): Promise<Tenant> {
    const identity = { user, database, settings }
    const key = identityKey(identity)
    const known = this.#tenants.get(key)
    if (known !== undefined) {
      // The password may have been changed since.
      known.credentials = credentials
      return known
    }
    const tenant = new Tenant(identity, credentials, this.#link, this.#limits)
    await this.#greetServer(tenant)
    const sooner = this.#tenants.get(key)
    if (sooner !== undefined) {
      tenant.close()
      return sooner
    }
    this.#tenants.set(key, tenant)
    return tenant
  }

  /** Tries the login on a server: it knows whether the database is there and what the settings are. */
  async #greetServer(tenant: Tenant): Promise<void> {
    const deadlineMs = performance.now() + this.#context.failoverWaitMs
    for (;;) {
      // A standby may not have heard of a new database or user yet.
      const role = this.#link.view.primary === null ? 'standby' : 'primary'
      const choice = tenant.choose(role, 0, 0)
      if (choice.kind === 'node') {
        try {
          await tenant.try(choice.node)
          return
        } catch (error) {
          if (error instanceof LoginRefused && !error.sqlState.startsWith('57P')) throw error
        }
      }
      if (performance.now() > deadlineMs)
        throw new Refusal({ severity: 'FATAL', code: '57P03', message: this.#link.whyNoPrimary })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        this.#link.waitForChange(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  async #bookOf(database: string): Promise<DatabaseBook> {
    let book = this.#books.get(database)
    if (book === undefined) {
      book = new DatabaseBook(this.#link, database)
      this.#books.set(database, book)
    }
    await book.ready()
    return book
  }

  #cancel(processId: number, secretKey: Buffer): void {
    const session = this.#sessions.get(processId)
    if (session === undefined || session.secretKey.length !== secretKey.length) return
    if (timingSafeEqual(session.secretKey, secretKey)) session.cancel()
  }

  // ---- the herd

  #heed(event: GroupEvent): void {
    this.emit('event', event)
    const { kind, node, from } = event
    if (kind === 'node-out') for (const tenant of this.#tenants.values()) tenant.cutOff(node, 'lanes')
    if (kind === 'failover' && from && this.#link.view.nodes[from]?.state === 'out')
      for (const tenant of this.#tenants.values()) tenant.cutOff(from, 'all')
  }

  /** Takes no new clients, lets open transactions finish for so long, and ends. */
  async stop({ graceMs = STOP_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    const stopped = this.#stopListening()
    const deadline = performance.now() + graceMs
    while (this.#sessions.size > 0 && performance.now() < deadline) {
      for (const session of [...this.#sessions.values()])
        if (session.state === 'idle' || session.state === 'paused') session.terminate(GOODBYE)
      await sleep(QUIET_POLL_MS)
    }
    await this.close()
    await stopped
  }

  #stopListening(): Promise<void> {
    if (this.#stopped === null) {
      this.#stopped = once(this.#server, 'close').then(() => {})
      this.#server.close()
      for (const socket of this.#arriving) socket.destroy()
    }
    return this.#stopped
  }

  /** Takes no new clients, and ends those that are there. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep)
    const stopped = this.#stopListening()
    for (const session of [...this.#sessions.values(), ...this.#consoles]) session.terminate(GOODBYE)
    for (const tenant of this.#tenants.values()) tenant.close()
    await this.#link.close()
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, FAREWELL_MS)
    await stopped
    clearTimeout(timer)
    this.#health?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function describeClient(session: ClientSession): ClientFacts {
  const { processId, tenant, applicationName, state, hasOwnServer, batches, connectedAtMs, socket } = session
  const { remoteAddress = '', remotePort = 0 } = socket
  return {
    id: processId,
    user: tenant.identity.user,
    database: tenant.identity.database,
    applicationName,
    address: remoteAddress.includes(':')
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`,
    state,
    hasOwnServer,
    batches,
    connectedAtMs,
  }
}

const STOPPING = { severity: 'FATAL', code: '57P03', message: 'the proxy is shutting down' } as const

/** What clients expect to be told of any server. */
const CONSOLE_REPORTS = {
  server_version: '18.0 (pgherd proxy)',
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  TimeZone: 'Etc/UTC',
  integer_datetimes: 'on',
  standard_conforming_strings: 'on',
}

/** What a server reports of itself that is not so for a session of the proxy. */
const NOT_REPORTED: ReadonlySet<string> = new Set(['application_name', 'in_hot_standby'])

function reportsFor(tenant: Tenant, applicationName: string): Buffer[] {
  const reports = [...tenant.parameters].filter(([name]) => !NOT_REPORTED.has(name))
  return [['application_name', applicationName] as const, ['in_hot_standby', 'off'] as const, ...reports].map(
    ([name, value]) => parameterStatus(name, value),
  )
}
