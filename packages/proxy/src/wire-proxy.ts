import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import type { GroupEvent, GroupView } from '@pgherd/core/routing'
import { UserDirectory } from './auth/user-directory.js'
import { DatabaseBook } from './database-book.js'
import { HerdLink } from './herd-link.js'
import { authentication, backendKey, parameterStatus, readyForQuery } from './protocol/server-messages.js'
import { type ProxyOptions, type ProxySettings, readProxyOptions } from './proxy-options.js'
import { LoginRefused } from './server/server-connection.js'
import { identityKey, Tenant } from './server/tenant.js'
import { BatchMeter } from './session/batch-meter.js'
import { ClientSession, type SessionContext } from './session/client-session.js'
import { type Arrival, Refusal, refuse, shakeHands } from './session/handshake.js'
import { PauseGate } from './session/pause-gate.js'
import { StatementNames } from './session/virtual-statement.js'

interface ProxyEvents {
  event: [GroupEvent]
}

const SWEEP_MS = 5000

/** A server that speaks PostgreSQL's protocol, with a herd behind it. */
export class WireProxy extends EventEmitter<ProxyEvents> {
  readonly #settings: ProxySettings
  readonly #link: HerdLink
  readonly #users: UserDirectory
  readonly #server: net.Server
  readonly #books = new Map<string, DatabaseBook>()
  readonly #tenants = new Map<string, Tenant>()
  readonly #sessions = new Map<number, ClientSession>()
  /** Connections that are not logged in yet. */
  readonly #arriving = new Set<net.Socket>()
  readonly #context: SessionContext
  readonly #gate = new PauseGate()
  readonly #meter = new BatchMeter()
  #sweep: NodeJS.Timeout | null = null

  private constructor(settings: ProxySettings) {
    super()
    this.#settings = settings
    this.#link = new HerdLink(settings.herd)
    this.#users = new UserDirectory(this.#link.passwords, (user) => this.#storedPassword(user))
    this.#server = net.createServer({ noDelay: true, keepAlive: true, pauseOnConnect: false }, (socket) => {
      void this.#welcome(socket)
    })
    this.#context = {
      link: this.#link,
      names: new StatementNames(),
      failoverWaitMs: this.#link.settings.failoverWaitMs,
      gate: this.#gate,
      meter: this.#meter,
      closed: (session) => this.#sessions.delete(session.processId),
    }
    this.#link.on('event', (event) => this.#heed(event))
  }

  /** Resolves when clients can connect. Rejects with OPTIONS_INVALID, or what listening says (EADDRINUSE). */
  static async start(options: ProxyOptions): Promise<WireProxy> {
    const proxy = new WireProxy(readProxyOptions(options))
    try {
      await proxy.#link.start()
      await proxy.#listen()
      return proxy
    } catch (error) {
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

  // ---- clients

  async #welcome(socket: net.Socket): Promise<void> {
    this.#arriving.add(socket)
    socket.on('error', () => {})
    const late = setTimeout(() => socket.destroy(), this.#settings.loginTimeoutMs)
    try {
      const greeting = await shakeHands(socket, this.#users)
      if (greeting.kind === 'cancel') this.#cancel(greeting.processId, greeting.secretKey)
      if (greeting.kind === 'client') await this.#admit(socket, greeting.arrival)
      else socket.destroy()
    } catch (error) {
      refuse(socket, error as Error)
    } finally {
      clearTimeout(late)
      this.#arriving.delete(socket)
    }
  }

  async #admit(socket: net.Socket, arrival: Arrival): Promise<void> {
    if (this.#sessions.size >= this.#settings.maxClients)
      throw new Refusal({ severity: 'FATAL', code: '53300', message: 'sorry, too many clients already' })
    const tenant = await this.#tenantOf(arrival)
    const book = await this.#bookOf(arrival.database)
    if (socket.destroyed) return
    const { applicationName, minor } = arrival
    const who = {
      processId: this.#freeId(),
      secretKey: randomBytes(minor >= 2 ? 32 : 4),
      applicationName,
      consistency: arrival.consistency,
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
    session.start(arrival.rest)
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
    const tenant = new Tenant(identity, credentials, this.#link, this.#settings.limits)
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
      const choice = tenant.choose('standby', 0, 0)
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

  async #storedPassword(user: string): Promise<string | null> {
    return this.#link.borrow('standby', this.#link.database, async (client) => {
      const { rows } = await client.query(
        `select rolpassword from pg_catalog.pg_authid
         where rolname = $1 and rolcanlogin and coalesce(rolvaliduntil > now(), true)`,
        [user],
      )
      return (rows[0]?.rolpassword as string | null | undefined) ?? null
    })
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

  /** Takes no new clients, and ends those that are there. */
  async close(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#arriving) socket.destroy()
    for (const session of [...this.#sessions.values()])
      session.terminate('terminating connection due to administrator command')
    for (const tenant of this.#tenants.values()) tenant.close()
    await this.#link.close()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** What a server reports of itself that is not so for a session of the proxy. */
const NOT_REPORTED: ReadonlySet<string> = new Set(['application_name', 'in_hot_standby'])

function reportsFor(tenant: Tenant, applicationName: string): Buffer[] {
  const reports = [...tenant.parameters].filter(([name]) => !NOT_REPORTED.has(name))
  return [['application_name', applicationName] as const, ['in_hot_standby', 'off'] as const, ...reports].map(
    ([name, value]) => parameterStatus(name, value),
  )
}
