import { Session, type StatementRecord } from '@pgherd/client/internal'
import type { DatabaseBook } from '../database-book.js'
import type { HerdLink } from '../herd-link.js'
import { makeQuery } from '../protocol/client-messages.js'
import { FROM_SERVER, type TransactionStatus } from '../protocol/server-messages.js'
import type { OwnServer, ServerUser } from '../server/own-server.js'
import type { Parsing, ReplyScript } from '../server/reply-script.js'
import type { ServerPool } from '../server/server-pool.js'
import type { Tenant } from '../server/tenant.js'
import { SessionTraces } from './session-traces.js'

/** The servers of one group, as those of one user and database use them. */
export interface Place {
  /** Its name; empty where there is only one. */
  readonly group: string
  readonly tenant: Tenant
  readonly link: HerdLink
  readonly book: DatabaseBook
  /** Nothing can be written there, whatever is asked. */
  readonly isReadOnly: boolean
}

/** Whose seats they are hears what is said on their connections. */
export interface SeatUser {
  bytes(piece: Buffer): void
  error(sqlState: string | null, message: Buffer): void
  unparsed(parsing: Parsing): void
  forgotten(seat: Seat, isAll: boolean, parses: readonly Parsing[]): void
  parameter(name: string, value: string): void
  copyIn(): void
  ready(status: TransactionStatus): void
  lost(seat: Seat, error: Error): void
}

/** What a server answered to what was asked of it in place of the client. */
export interface Reply {
  /** All of it, up to ReadyForQuery and without that. */
  readonly bytes: Buffer
  /** The first ErrorResponse in it. */
  readonly error: Buffer | null
}

interface Exchange {
  readonly pieces: Buffer[]
  error: Buffer | null
  /** Hears CopyInResponse; null: there must be none. */
  readonly copyIn: ((response: Buffer) => void) | null
  /** Hears the answer as it comes; null: it is kept. */
  readonly sink: ((piece: Buffer) => void) | null
  readonly answered: (reply: Reply) => void
  readonly lost: (error: Error) => void
}

/** One client in one group: the connection that it may have to itself there, and what it left behind. */
export class Seat implements ServerUser {
  readonly place: Place
  /** What it has written there, for its reads to see. */
  readonly writes: Session
  readonly traces = new SessionTraces()
  readonly #user: SeatUser
  #own: OwnServer | null = null
  #pool: ServerPool | null = null
  #exchange: Exchange | null = null

  constructor(place: Place, user: SeatUser, writes = new Session()) {
    this.place = place
    this.#user = user
    this.writes = writes
  }

  /** Something was written there since the last transaction ended. */
  get wrote(): boolean {
    return this.traces.wrote && !this.place.isReadOnly
  }

  /** A connection that it has to itself. */
  get own(): OwnServer | null {
    return this.#own
  }

  take(server: OwnServer, pool: ServerPool): void {
    this.#own = server
    this.#pool = pool
    server.attach(this)
  }

  /** Gives the connection back. */
  release(): void {
    const server = this.#own
    if (server === null) return
    // An answer that is still to come must be nobody else's.
    if (this.#exchange !== null) {
      this.abandon()
      return
    }
    this.#own = null
    this.traces.clear()
    this.#pool?.giveBack(server)
    this.#pool = null
  }

  /** Hands something on that is not part of an answer. */
  say(message: Buffer): void {
    this.#user.bytes(message)
  }

  /** A transaction has ended there; true: it changed what statements are judged by. */
  ended(): boolean {
    const { wrote, flushed, changedCatalogue } = this.traces.ended(this.#own as OwnServer)
    if (wrote) this.writes.noteWrite(flushed)
    return changedCatalogue
  }

  /** What was made in a transaction was not known to be harmless when it was used there. */
  absolve(look: (text: string) => StatementRecord): void {
    const server = this.#own
    if (server === null || !this.traces.areHarmless(look)) return
    server.traced = server.tainted = false
    this.release()
  }

  /**
   * Sends something and keeps the answer, of which the client hears nothing yet. Rejects when the connection
   * is lost.
   */
  exchange(parts: readonly Buffer[], script: ReplyScript | null): Promise<Reply> {
    return this.#exchangeWith(parts, script, null)
  }

  /** As `exchange`; `sink` hears the answer as it comes, but for an error. */
  stream(parts: readonly Buffer[], sink: (piece: Buffer) => void): Promise<Reply> {
    return this.#exchangeWith(parts, null, sink)
  }

  #exchangeWith(
    parts: readonly Buffer[],
    script: ReplyScript | null,
    sink: Exchange['sink'],
  ): Promise<Reply> {
    const server = this.#own
    if (server === null || server.ended) return Promise.reject(new Error('the connection has ended'))
    if (this.#exchange !== null) {
      // Two answers could not be told apart.
      server.destroy()
      return Promise.reject(new Error('the connection was busy'))
    }
    return new Promise((answered, lost) => {
      this.#exchange = { pieces: [], error: null, copyIn: null, sink, answered, lost }
      server.script = script
      server.send(parts)
      server.sayDue()
    })
  }

  /** Begins to copy in. `ready`: with CopyInResponse; `ended`: as `exchange` does. */
  copyFrom(text: string): { readonly ready: Promise<Buffer>; readonly ended: Promise<Reply> } {
    const ended = this.exchange([makeQuery(text)], null)
    const ready = new Promise<Buffer>((resolve) => {
      if (this.#exchange !== null) this.#exchange = { ...this.#exchange, copyIn: resolve }
    })
    return { ready, ended }
  }

  /** What runs there would go on for nobody, and a server notices that nobody listens when it answers. */
  abandon(): void {
    const server = this.#own
    if (server === null) return
    this.#own = null
    this.#exchange?.lost(new Error('its client is gone'))
    this.#exchange = null
    server.detach()
    void server.connection.cancel().then(() => server.destroy())
  }

  get isExchanging(): boolean {
    return this.#exchange !== null
  }

  // ---- what its server says

  bytes(piece: Buffer): void {
    const exchange = this.#exchange
    if (exchange === null) this.#user.bytes(piece)
    else if (piece[0] === FROM_SERVER.copyIn && exchange.copyIn !== null) exchange.copyIn(piece)
    else if (exchange.sink !== null) exchange.sink(piece)
    else exchange.pieces.push(piece)
  }

  error(sqlState: string | null, message: Buffer): void {
    const exchange = this.#exchange
    if (exchange === null) {
      this.#user.error(sqlState, message)
      return
    }
    exchange.error ??= message
    exchange.pieces.push(message)
  }

  ready(status: TransactionStatus): void {
    const exchange = this.#exchange
    if (exchange === null) {
      this.#user.ready(status)
      return
    }
    this.#exchange = null
    exchange.answered({ bytes: Buffer.concat(exchange.pieces), error: exchange.error })
  }

  lost(error: Error): void {
    const exchange = this.#exchange
    this.#exchange = null
    this.#user.lost(this, error)
    exchange?.lost(error)
  }

  /** Its connection is gone, and what it held. */
  forget(): void {
    this.traces.clear()
    this.#own = null
    this.#pool = null
  }

  unparsed(parsing: Parsing): void {
    this.#user.unparsed(parsing)
  }

  forgotten(isAll: boolean, parses: readonly Parsing[]): void {
    this.#user.forgotten(this, isAll, parses)
  }

  parameter(name: string, value: string): void {
    this.#user.parameter(name, value)
  }

  copyIn(): void {
    if (this.#exchange === null) this.#user.copyIn()
    // Nobody here can say what is to be copied.
    else if (this.#exchange.copyIn === null) this.#own?.destroy()
  }
}
