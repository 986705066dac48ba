import { EventEmitter } from 'node:events'
import pg from 'pg'
import { noteEarlyClose } from './early-close.js'
import type { Answer } from './statement.js'
import { answerTo, readArguments, Turns } from './turns.js'

/** What a lazy client asks of its pool. */
export interface ClientSource {
  /** It leaves nothing in its session and sees nothing of it: any connection will do. */
  isShared(text: string): boolean
  query(input: unknown, values: unknown, signal: AbortSignal): Promise<Answer>
  /** A client of the primary for one caller alone. */
  connect(): Promise<pg.PoolClient>
}

interface Submittable {
  submit(connection: pg.Connection): void
  handleError(error: Error, connection: null): void
}

/** What a connection says to whoever has it. */
const EVENTS = ['error', 'notice', 'notification', 'drain', 'end'] as const

/**
 * A client that takes a connection only when its user needs one to themselves: for a transaction, a
 * setting, a cursor, LISTEN, whatever leaves a trace in its session or may see one. From then on it keeps
 * that connection. Statements before it go the way of `pool.query()`. As in `pg.Client`, each begins when
 * the one before has ended.
 */
export class LazyClient extends EventEmitter {
  readonly #source: ClientSource
  #taking: Promise<pg.PoolClient> | null = null
  #owned: pg.PoolClient | null = null
  readonly #parsers: Parameters<pg.Client['setTypeParser']>[] = []
  readonly #listeners = EVENTS.map(
    (event) => [event, (...said: unknown[]) => this.#hear(event, said)] as const,
  )
  readonly #turns = new Turns()

  constructor(source: ClientSource) {
    super()
    this.#source = source
  }

  query(...args: unknown[]): unknown {
    const { input, values, done } = readArguments(args)
    if (isSubmittable(input)) {
      const submit = async (): Promise<void> => void (await this.#take()).query(input)
      const endClose = noteEarlyClose(input)
      this.#turns.take(submit).catch((error: Error) => {
        input.handleError(error, null)
        endClose()
      })
      return input
    }
    return answerTo(
      this.#turns.take(() => this.#run(input, values)),
      done,
    )
  }

  async #run(input: unknown, values: unknown): Promise<Answer> {
    const text = typeof input === 'string' ? input : (input as { text?: unknown } | null | undefined)?.text
    if (this.#taking === null && typeof text === 'string' && this.#source.isShared(text))
      return this.#source.query(input, values, this.#turns.thrownAway)
    return (await this.#take()).query(input as string, values as unknown[])
  }

  /** After a failure it stays one: what follows a BEGIN that failed must not run by itself. */
  #take(): Promise<pg.PoolClient> {
    this.#taking ??= this.#source.connect().then((client) => {
      this.#owned = client
      for (const parser of this.#parsers) client.setTypeParser(...parser)
      for (const [event, listener] of this.#listeners) (client as EventEmitter).on(event, listener)
      return client
    })
    return this.#taking
  }

  #hear(event: string, said: unknown[]): void {
    // Who does not listen hears of an error by their statements.
    if (event !== 'error' || this.listenerCount('error') > 0) this.emit(event, ...said)
  }

  /** A property, since it is handed on by itself. */
  readonly release = (error?: Error | boolean): void => {
    this.#turns.release(error)
    if (error && this.#owned !== null) this.#giveBack(error)
    else this.#turns.whenIdle(() => this.#giveBack(error))
  }

  #giveBack(error: Error | boolean | undefined): void {
    const client = this.#owned
    if (client === null) return
    for (const [event, listener] of this.#listeners) (client as EventEmitter).removeListener(event, listener)
    client.release(error)
  }

  setTypeParser(...parser: Parameters<pg.Client['setTypeParser']>): void {
    if (this.#owned !== null) this.#owned.setTypeParser(...parser)
    else {
      this.#parsers.push(parser)
      // It holds for one session.
      this.#take().catch(() => {})
    }
  }

  getTypeParser(...type: Parameters<pg.Client['getTypeParser']>): unknown {
    return (this.#owned ?? pg.types).getTypeParser(...type)
  }

  getTransactionStatus(): ReturnType<pg.Client['getTransactionStatus']> {
    return this.#owned === null ? 'I' : this.#owned.getTransactionStatus()
  }

  /** Of the server process behind it, while there is one. */
  get processID(): number | null {
    return (this.#owned as { processID?: number | null } | null)?.processID ?? null
  }

  connect(): Promise<never> {
    return Promise.reject(new Error('Client has already been connected. You cannot reuse a client.'))
  }
}

// Programs ask `instanceof pg.Client` to tell a client from a pool.
Object.setPrototypeOf(LazyClient.prototype, pg.Client.prototype)

function isSubmittable(input: unknown): input is Submittable {
  return typeof (input as { submit?: unknown } | null | undefined)?.submit === 'function'
}
