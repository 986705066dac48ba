import { makeQuery } from '../protocol/client-messages.js'
import {
  commandComplete,
  FROM_SERVER,
  readParameterStatus,
  reportField,
  type TransactionStatus,
} from '../protocol/server-messages.js'
import { SessionSettings } from '../session/session-settings.js'
import type { VirtualStatement } from '../session/virtual-statement.js'
import { notableTypes, ReplyReader } from './reply-reader.js'
import { type Parsing, type ReplyScript, SCRIPTED } from './reply-script.js'
import type { ServerConnection } from './server-connection.js'

/** Who has a server connection to itself hears what is said on it. */
export interface ServerUser {
  /** To be handed on; false: not so fast. */
  bytes(piece: Buffer): void
  error(sqlState: string | null, message: Buffer): void
  /** It was not prepared after all. */
  unparsed(parsing: Parsing): void
  /** Nothing is prepared any more but what comes after; after DISCARD ALL nothing else is left either. */
  forgotten(isAll: boolean, parses: readonly Parsing[]): void
  parameter(name: string, value: string): void
  /** The server reads what comes for COPY … FROM STDIN. */
  copyIn(): void
  ready(status: TransactionStatus): void
  lost(error: Error): void
}

const ALWAYS = [
  FROM_SERVER.readyForQuery,
  FROM_SERVER.error,
  FROM_SERVER.parameterStatus,
  FROM_SERVER.copyIn,
  FROM_SERVER.copyBoth,
]
const PLAIN = notableTypes(ALWAYS)
const WITH_SCRIPT = notableTypes([...ALWAYS, ...SCRIPTED])

const DEALLOCATED = commandComplete('DEALLOCATE ALL')
const DISCARDED = commandComplete('DISCARD ALL')

const NONE = (): boolean => false

const FATAL: ReadonlySet<string> = new Set(['FATAL', 'PANIC'])

/** A server connection that one client has to itself for a while. */
export class OwnServer {
  readonly connection: ServerConnection
  readonly prepared = new Set<VirtualStatement>()
  readonly #reader: ReplyReader
  readonly #onEnd: (server: OwnServer) => void
  #user: ServerUser | null = null
  /** Of the batch under way. */
  #script: ReplyScript | null = null
  /** Answers up to so many ReadyForQuery are ours. */
  #swallow = 0
  #swallowedError: string | null = null
  #whenSwallowed: ((error: string | null) => void) | null = null
  /** What is prepared on it was understood under other settings. */
  staleStatements = false
  /** What a user left in its session stays until it is cleaned. */
  traced = false
  /** Cleaning would not take all of it away. */
  tainted = false
  ended = false
  /** Its next user would get a new one instead. */
  retired = false
  status: TransactionStatus = 'I'
  /** What it was told to set for its users. */
  settings = SessionSettings.NONE
  idleSinceMs = performance.now()

  constructor(connection: ServerConnection, onEnd: (server: OwnServer) => void) {
    this.connection = connection
    this.#reader = new ReplyReader(
      { bytes: (piece) => this.#pass(piece), message: (type, message) => this.#hear(type, message) },
      PLAIN,
    )
    this.#onEnd = onEnd
    connection.socket
      .on('data', (chunk: Buffer) => this.#reader.push(chunk))
      .on('error', (error: Error) => this.#end(error))
      .on('close', () => this.#end(new Error('the server closed the connection')))
  }

  #end(error: Error): void {
    if (this.ended) return
    this.ended = true
    this.#onEnd(this)
    this.#whenSwallowed?.('08006')
    this.#user?.lost(error)
  }

  get isTaken(): boolean {
    return this.#user !== null
  }

  attach(user: ServerUser): void {
    this.#user = user
  }

  detach(): void {
    this.#user = null
    this.idleSinceMs = performance.now()
    this.connection.socket.resume()
  }

  /** What the answers to what is sent from now on are held against; null: handed on as they are. */
  get script(): ReplyScript | null {
    return this.#script
  }

  set script(script: ReplyScript | null) {
    this.#script = script
    this.#reader.notable = script === null ? PLAIN : WITH_SCRIPT
  }

  /** Hears when all is to be forgotten, in what is sent from now on. */
  watchForgetting(): void {
    this.#reader.notable = WITH_SCRIPT
  }

  /** False when the server does not keep up. */
  send(parts: readonly Buffer[]): boolean {
    return this.connection.socket.write(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
  }

  onceDrained(goOn: () => void): void {
    this.connection.socket.once('drain', goOn)
  }

  /** What a Sync in the middle of a COPY brings may come when it is somebody else's. */
  noteSync(): void {
    this.traced = this.tainted = true
  }

  /** Runs something of ours; resolves with the SQLSTATE of its error, or null. */
  ask(message: Buffer): Promise<string | null> {
    if (this.ended) return Promise.resolve('08006')
    this.#swallow++
    this.script = null
    this.send([message])
    return new Promise((resolve) => {
      this.#whenSwallowed = resolve
    })
  }

  /**
   * Takes away what was prepared for clients, but for what may be kept; what its user has prepared by SQL
   * stays. Resolves as `ask` does; after an error nobody may use it any more.
   */
  async forgetPrepared(mayKeep: (statement: VirtualStatement) => boolean = NONE): Promise<string | null> {
    const forgotten = [...this.prepared].filter((statement) => !mayKeep(statement))
    for (const statement of forgotten) this.prepared.delete(statement)
    this.staleStatements = false
    if (forgotten.length === 0) return null
    return this.ask(makeQuery(forgotten.map(({ name }) => `deallocate ${name}`).join('; ')))
  }

  /** Makes its settings those. Resolves with the SQLSTATE of an error, or null. */
  async adapt(settings: SessionSettings): Promise<string | null> {
    const steps = this.settings.stepsTo(settings)
    // What was prepared was understood under the settings of then.
    const isStale = this.staleStatements || this.settings.answerKey !== settings.answerKey
    const notForgotten = isStale ? await this.forgetPrepared() : null
    if (notForgotten !== null) return notForgotten
    const error = steps === '' ? null : await this.ask(makeQuery(steps))
    if (error !== null) return error
    // Where one cannot be prepared any more, it is not there for those who execute it.
    for (const text of this.settings.preparationsFor(settings)) await this.ask(makeQuery(text))
    this.settings = settings
    return this.ended ? '08006' : null
  }

  #pass(piece: Buffer): void {
    if (this.#swallow === 0) this.#user?.bytes(piece)
  }

  #hear(type: number, message: Buffer): void {
    if (type === FROM_SERVER.parameterStatus) {
      const { name, value } = readParameterStatus(message)
      this.connection.parameters.set(name, value)
      if (this.#swallow === 0) this.#user?.parameter(name, value)
      return
    }
    if (type === FROM_SERVER.error && FATAL.has(reportField(message, 'V') ?? '')) {
      // The session is over; whoever uses it hears of it as a loss, and judges what that means.
      this.#end(new Error(reportField(message, 'M') ?? 'the server ended the session'))
      this.connection.destroy()
    } else if (this.#swallow > 0) this.#hearOurs(type, message)
    else if (this.#user !== null) this.#hearTheirs(this.#user, type, message)
  }

  #hearOurs(type: number, message: Buffer): void {
    if (type === FROM_SERVER.error) this.#swallowedError ??= reportField(message, 'C')
    if (type !== FROM_SERVER.readyForQuery) return
    this.status = String.fromCharCode(message[5] as number) as TransactionStatus
    this.#swallow--
    const error = this.#swallowedError
    const tell = this.#whenSwallowed
    this.#swallowedError = null
    this.#whenSwallowed = null
    tell?.(error)
  }

  #hearTheirs(user: ServerUser, type: number, message: Buffer): void {
    for (const said of this.#script?.due() ?? []) user.bytes(said)
    const refusal = type === FROM_SERVER.error ? (this.#script?.refusal ?? null) : null
    if (this.#script !== null && !this.#script.isForClient(type)) return
    switch (type) {
      case FROM_SERVER.readyForQuery:
        for (const statement of this.#script?.unprepared() ?? []) this.prepared.delete(statement)
        for (const parsing of this.#script?.unparsed() ?? []) user.unparsed(parsing)
        this.status = String.fromCharCode(message[5] as number) as TransactionStatus
        user.ready(this.status)
        return
      case FROM_SERVER.error:
        user.error(reportField(refusal ?? message, 'C'), refusal ?? message)
        return
      case FROM_SERVER.commandComplete:
        if (message.equals(DEALLOCATED) || message.equals(DISCARDED)) {
          const { prepares = [], parses = [] } = this.#script?.upcoming ?? {}
          this.prepared.clear()
          for (const statement of prepares) this.prepared.add(statement)
          user.forgotten(message.equals(DISCARDED), parses)
        }
        break
      case FROM_SERVER.copyIn:
      case FROM_SERVER.copyBoth:
        user.copyIn()
    }
    user.bytes(message)
    this.sayDue()
  }

  /** Says what the server has no part in, as soon as it is its turn: after a Flush nothing more may come. */
  sayDue(): void {
    for (const said of this.#script?.due() ?? []) this.#user?.bytes(said)
  }

  end(): void {
    this.connection.end()
  }

  destroy(): void {
    this.connection.destroy()
  }
}
