import { makeQuery } from '../protocol/client-messages.js'
import { SessionSettings } from '../session/session-settings.js'
import { OwnServer } from './own-server.js'
import type { ServerConnection } from './server-connection.js'

/** A server does not take a session's settings (any more). */
export class SettingsRefused extends Error {
  readonly sqlState: string

  constructor(sqlState: string) {
    super(`the settings of the session could not be made (${sqlState})`)
    this.sqlState = sqlState
  }
}

interface Waiter {
  readonly settings: SessionSettings
  readonly take: (server: OwnServer) => void
  readonly fail: (error: Error) => void
}

/** Connections of one user to one node that clients have to themselves, one at a time. */
export class ServerPool {
  readonly #open: () => Promise<ServerConnection>
  readonly #max: () => number
  readonly #idle: OwnServer[] = []
  readonly #all = new Set<OwnServer>()
  #opening = 0
  readonly #waiting = new Set<Waiter>()
  /** Those of them whose connection is being made ready. */
  readonly #served = new Set<Waiter>()
  #closed = false

  constructor(open: () => Promise<ServerConnection>, max: () => number) {
    this.#open = open
    this.#max = max
  }

  get total(): number {
    return this.#all.size + this.#opening
  }

  get idle(): number {
    return this.#idle.length
  }

  get servers(): Iterable<OwnServer> {
    return this.#all
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Gives a connection with these settings to `take`, now or later; what is returned gives the place in the
   * queue up.
   */
  take(
    settings: SessionSettings,
    take: (server: OwnServer) => void,
    fail: (error: Error) => void,
  ): () => void {
    const waiter: Waiter = { settings, take, fail }
    this.#waiting.add(waiter)
    const idle = this.#takeIdle(settings.key)
    if (idle !== null) this.#hand(idle, waiter)
    else if (this.total < this.#max()) this.#openOne()
    return () => this.#waiting.delete(waiter)
  }

  /** One with the same settings rather than another, used lately rather than long ago. */
  #takeIdle(key: string): OwnServer | null {
    const idle = this.#idle
    for (let at = idle.length - 1; at >= 0; at--)
      if (idle[at]?.settings.key === key) return idle.splice(at, 1)[0] as OwnServer
    return idle.pop() ?? null
  }

  #hand(server: OwnServer, waiter: Waiter): void {
    if (server.settings.key === waiter.settings.key && !server.staleStatements) {
      this.#waiting.delete(waiter)
      waiter.take(server)
      return
    }
    // It waits on, so that it can give up; nobody else's connection is for it.
    this.#served.add(waiter)
    void server.adapt(waiter.settings).then((error) => {
      this.#served.delete(waiter)
      const isThere = this.#waiting.delete(waiter)
      if (error === null && isThere) waiter.take(server)
      else if (error === null) this.#offer(server)
      else {
        server.destroy()
        if (isThere) waiter.fail(new SettingsRefused(error))
      }
    })
  }

  #openOne(): void {
    this.#opening++
    this.#open().then(
      (connection) => {
        this.#opening--
        const server = new OwnServer(connection, (ended) => this.#forget(ended))
        this.#all.add(server)
        this.#offer(server)
      },
      (error: Error) => {
        this.#opening--
        // Whoever waits for this one hears of it; the others may still get one that is given back.
        const waiter = this.#next()
        if (waiter === null) return
        this.#waiting.delete(waiter)
        waiter.fail(error)
        this.#openMore()
      },
    )
  }

  #forget(server: OwnServer): void {
    this.#all.delete(server)
    const at = this.#idle.indexOf(server)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#openMore()
  }

  #openMore(): void {
    const unserved = this.#waiting.size - this.#served.size
    if (unserved > this.#opening && this.total < this.#max() && !this.#closed) this.#openOne()
  }

  /** Who has waited longest. */
  #next(): Waiter | null {
    for (const waiter of this.#waiting) if (!this.#served.has(waiter)) return waiter
    return null
  }

  #offer(server: OwnServer): void {
    if (server.ended) return
    const waiter = this.#next()
    if (this.#closed || server.retired) this.#end(server)
    else if (waiter === null) {
      server.idleSinceMs = performance.now()
      this.#idle.push(server)
    } else this.#hand(server, waiter)
  }

  /** Takes a connection back; what was left in its session is cleaned away before anyone else has it (I6). */
  giveBack(server: OwnServer): void {
    server.detach()
    if (server.ended) return
    if (server.tainted) {
      this.#end(server)
      return
    }
    if (server.status === 'I' && !server.traced) {
      this.#offer(server)
      return
    }
    this.#clean(server).then(
      () => this.#offer(server),
      () => server.destroy(),
    )
  }

  async #clean(server: OwnServer): Promise<void> {
    if (server.status !== 'I' && (await server.ask(makeQuery('ROLLBACK'))) !== null)
      throw new Error('not rolled back')
    if ((await server.ask(makeQuery('DISCARD ALL'))) !== null) throw new Error('not cleaned')
    server.prepared.clear()
    server.settings = SessionSettings.NONE
    server.staleStatements = false
    server.traced = false
  }

  /** Ends connections that have been idle since before `sinceMs`. */
  sweep(sinceMs: number): void {
    for (const server of [...this.#idle]) if (server.idleSinceMs < sinceMs) this.#end(server)
  }

  /** Every connection is replaced by a new one, as soon as nobody uses it. */
  retire(): void {
    for (const server of this.#all) server.retired = true
    for (const server of [...this.#idle]) this.#end(server)
  }

  #end(server: OwnServer): void {
    this.#forget(server)
    server.end()
  }

  /** Ends all connections at once: their node is gone. */
  cutOff(): void {
    for (const server of [...this.#all]) server.destroy()
  }

  close(): void {
    this.#closed = true
    for (const server of [...this.#idle]) this.#end(server)
    for (const { fail } of this.#waiting) fail(new Error('the proxy is stopping'))
    this.#waiting.clear()
  }
}
