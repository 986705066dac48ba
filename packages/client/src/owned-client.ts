import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { internalsOf, type PgClientInternals } from './pg-internals.js'

/** What a client that one caller has to itself reports, and asks. */
export interface ClientWatch {
  /** What a text may leave in its session. */
  tracesOf(text: string): 'none' | 'some'
  /** It may have written; null when it certainly has not. */
  mayWrite(text: string): boolean
}

/**
 * A connection that one caller has to itself for a while. It notices what its statements may leave behind
 * in the session, so that nobody else gets it before that is cleaned away (I6), and when a write of its
 * user has been acknowledged (I4).
 */
export class OwnedClient extends pg.Client {
  /** Set once, when the pool first has it. */
  watch: ClientWatch | null = null
  /** Called when something that may have written has been acknowledged. */
  onWrite: (() => void) | null = null
  /** Statements that set the session up for every user; they are given again after a cleaning. */
  readonly #setUp: string[] = []
  settingUp = false
  /** Between release and the next checkout nobody may use it. */
  released = false
  #traced = false
  #wrote = false
  /** The server has begun to answer the statement under way. */
  begun = false

  constructor(config?: pg.ClientConfig) {
    super(config)
    const { connection } = this.#internals
    const begin = (): void => {
      this.begun = true
    }
    connection.on('parseComplete', begin)
    connection.on('bindComplete', begin)
    // Before the caller hears of it: registered before the client's own listeners.
    connection.on('readyForQuery', () => this.#noteReady())
  }

  get #internals(): PgClientInternals {
    return internalsOf(this)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of pg.Client.query cannot be said again here
  override query(...args: any[]): any {
    if (this.released) return refuse(args)
    const [config] = args as [string | { text?: unknown } | null | undefined]
    const text = typeof config === 'string' ? config : config?.text
    if (typeof text === 'string') this.#note(text)
    else this.#traced = this.#wrote = true
    this.begun = false
    return (super.query as (...all: unknown[]) => unknown)(...args)
  }

  #note(text: string): void {
    if (this.settingUp) {
      this.#setUp.push(text)
      return
    }
    if (this.watch === null) return
    if (!this.#traced && this.watch.tracesOf(text) === 'some') this.#traced = true
    if (!this.#wrote && this.watch.mayWrite(text)) this.#wrote = true
  }

  #noteReady(): void {
    if (!this.#wrote || this.#openTransaction) return
    this.#wrote = false
    this.onWrite?.()
  }

  get #openTransaction(): boolean {
    return (this.#internals.getTransactionStatus() ?? 'I') !== 'I'
  }

  /** Nothing of its last user is left in it. */
  get clean(): boolean {
    return !this.#traced && !this.#openTransaction
  }

  /** Ends a transaction left open and takes everything back that the session holds, but for its set-up. */
  async cleanse(): Promise<void> {
    const query = super.query.bind(this) as (text: string) => Promise<unknown>
    if (this.#openTransaction) await query('ROLLBACK')
    await query('DISCARD ALL')
    const { parsedStatements } = this.#internals.connection
    for (const name of Object.keys(parsedStatements)) delete parsedStatements[name]
    for (const text of this.#setUp) await query(text)
    this.#traced = false
    this.#wrote = false
  }
}

/** A caller that goes on with a client it has released would meddle with somebody else's session. */
function refuse(args: unknown[]): unknown {
  const error = new HerdError('CLIENT_RELEASED', 'This client has been released to the pool already.', {
    hint: 'Use it before release(), or connect() again.',
  })
  const callback = args.find((each) => typeof each === 'function') as ((error: Error) => void) | undefined
  if (callback === undefined) return Promise.reject(error)
  process.nextTick(callback, error)
  return undefined
}
