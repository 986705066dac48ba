import { randomBytes } from 'node:crypto'
import type net from 'node:net'
import type { Administered } from './admin/admin-desk.js'
import { ADMIN_DATABASE, AdminSession } from './admin/admin-session.js'
import type { Doorkeeper } from './admission.js'
import { readStoredPasswords } from './auth/stored-passwords.js'
import { UserDirectory } from './auth/user-directory.js'
import { type ClientRoll, GOODBYE } from './client-roll.js'
import type { KnownDatabase } from './database-books.js'
import type { HerdLink } from './herd-link.js'
import { authentication, backendKey, parameterStatus, readyForQuery } from './protocol/server-messages.js'
import type { ProxySettings } from './proxy-options.js'
import type { Tenant } from './server/tenant.js'
import { ClientSession, type SessionContext } from './session/client-session.js'
import { type Arrival, Refusal, refuse, shakeHands } from './session/handshake.js'
import type { KnownDatabases } from './shards/known-databases.js'
import type { Tenants } from './tenants.js'

/** What a client that comes in meets. */
export interface Interior {
  readonly link: HerdLink
  readonly roll: ClientRoll
  readonly tenants: Tenants
  readonly databases: KnownDatabases
  readonly context: SessionContext
  readonly doorkeeper: Doorkeeper
  /** Of the admin database. */
  readonly administered: Administered
  readonly mockSecret: Buffer
  /** A cancel request, for a client of this process or of another. */
  cancel(processId: number, secretKey: Buffer): void
}

/** Where clients come in: a connection becomes a session, or is told why not. */
export class Reception {
  /** What of the settings counts at the door; a reload changes it. */
  settings: Pick<ProxySettings, 'tls' | 'adminUsers' | 'loginTimeoutMs'>
  readonly #interior: Interior
  #users: UserDirectory
  readonly #consoles = new Set<AdminSession>()
  /** Connections of all clients, and those of them that are not logged in yet. */
  readonly #sockets = new Set<net.Socket>()
  readonly #arriving = new Set<net.Socket>()
  #isClosed = false
  #emptied: (() => void) | null = null

  constructor(settings: Reception['settings'], interior: Interior) {
    this.settings = settings
    this.#interior = interior
    this.#users = this.#newUsers()
  }

  /** Passwords are asked for again. */
  forgetUsers(): void {
    this.#users = this.#newUsers()
  }

  #newUsers(): UserDirectory {
    const { link } = this.#interior
    // An address may name none: servers may ask for none, or it stands in a file of libpq's.
    const given = [...link.passwords].filter(([, password]) => typeof password === 'string')
    return new UserDirectory(new Map(given), () => readStoredPasswords(link))
  }

  async welcome(socket: net.Socket): Promise<void> {
    if (this.#isClosed) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#emptied?.()
    })
    this.#arriving.add(socket)
    socket.on('error', () => {})
    /** Another one, once it is secure. */
    let spoken = socket
    const { tls, loginTimeoutMs } = this.settings
    const late = setTimeout(() => socket.destroy(), loginTimeoutMs)
    try {
      const { mockSecret } = this.#interior
      const greeting = await shakeHands(socket, { users: this.#users, tls, mockSecret })
      if (greeting.kind === 'client') {
        spoken = greeting.arrival.socket
        await this.#admit(spoken, greeting.arrival)
        return
      }
      if (greeting.kind === 'cancel') this.#interior.cancel(greeting.processId, greeting.secretKey)
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
    const { doorkeeper, tenants, databases } = this.#interior
    if (database === ADMIN_DATABASE && this.#mayAdminister(user)) {
      this.#openConsole(socket, arrival)
      return
    }
    await doorkeeper.enter(user, database)
    let isIn = false
    try {
      const tenant = await tenants.of(arrival)
      const known = await databases.of(database)
      if (this.#isClosed) throw new Refusal(STOPPING)
      if (socket.destroyed) return
      isIn = true
      this.#begin(socket, arrival, tenant, known)
    } finally {
      if (!isIn) doorkeeper.leave(user, database)
    }
  }

  /** Those whose logins the proxy itself uses, and those who were named. */
  #mayAdminister(user: string): boolean {
    return this.settings.adminUsers.has(user) || this.#interior.link.passwords.has(user)
  }

  /** However many clients there are: somebody must be able to look. */
  #openConsole(socket: net.Socket, { applicationName, rest }: Arrival): void {
    const { roll, administered } = this.#interior
    const reports = Object.entries({ ...CONSOLE_REPORTS, application_name: applicationName })
    socket.write(loggedIn(reports, roll.freeId(), randomBytes(4)))
    const session = new AdminSession(socket, administered, (closed) => this.#consoles.delete(closed))
    this.#consoles.add(session)
    session.start(rest)
  }

  #begin(socket: net.Socket, arrival: Arrival, tenant: Tenant, known: KnownDatabase): void {
    const { applicationName, consistency, minor, rest } = arrival
    const { roll, context } = this.#interior
    const who = {
      processId: roll.freeId(),
      secretKey: randomBytes(minor >= 2 ? 32 : 4),
      applicationName,
      consistency,
    }
    socket.write(loggedIn(reportsFor(tenant, applicationName), who.processId, who.secretKey))
    const session = new ClientSession(socket, tenant, known, context, who)
    roll.add(session)
    session.start(rest)
  }

  /** Takes nobody new; who is not logged in yet is disconnected. */
  close(): void {
    this.#isClosed = true
    for (const socket of this.#arriving) socket.destroy()
  }

  closeConsoles(): void {
    for (const session of this.#consoles) session.terminate(GOODBYE)
  }

  /** Resolves when no connection is left: after so long they are cut. */
  async empty(patienceMs: number): Promise<void> {
    if (this.#sockets.size === 0) return
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, patienceMs)
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    clearTimeout(timer)
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

function reportsFor(tenant: Tenant, applicationName: string): [name: string, value: string][] {
  const reports = [...tenant.parameters].filter(([name]) => !NOT_REPORTED.has(name))
  return [['application_name', applicationName], ['in_hot_standby', 'off'], ...reports]
}

function loggedIn(reports: readonly [name: string, value: string][], id: number, secretKey: Buffer): Buffer {
  return Buffer.concat([
    authentication(0),
    ...reports.map(([name, value]) => parameterStatus(name, value)),
    backendKey(id, secretKey),
    readyForQuery('I'),
  ])
}
