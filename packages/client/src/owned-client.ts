import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { gatherWrites } from './gather-writes.js'
import {
  internalsOf,
  type PgCallback,
  type PgClientInternals,
  type PgQueryConfig,
  type TypeParsers,
} from './pg-internals.js'
import { PrefacedQuery } from './prefaced-query.js'

/** What a client that one caller has to itself reports, and asks. */
export interface ClientWatch {
  natureOf(text: string): TextNature
}

/** What a text may do to the session it is run in. */
export interface TextNature {
  readonly leavesTraces: boolean
  readonly writes: boolean
  readonly isSingle: boolean
  /** It may let a commit be acknowledged before it is flushed. */
  readonly mayDeferFlush: boolean
}

/** Of a text that nobody can read. */
export const ANY_NATURE: TextNature = {
  leavesTraces: true,
  writes: true,
  isSingle: false,
  mayDeferFlush: true,
}

/** How long a cursor or a COPY may take to end after its client was released. */
const CLOSING_MS = 5000

/** What the server says without having been asked. */
const SERVER_MESSAGES = ['notice', 'notification'] as const
type ServerMessage = (typeof SERVER_MESSAGES)[number]
type Listener = (...args: unknown[]) => void

interface QueryLike {
  text?: unknown
  name?: unknown
  /** Known already: the text was made of another one. */
  nature?: TextNature
}

/**
 * A connection that one caller has to itself for a while. It notices what its statements may leave behind
 * in the session, so that nobody else gets it before that is cleaned away (I6), and when a write of its
 * user has been acknowledged (I4).
 */
export class OwnedClient extends pg.Client {
  /** Set once, when the pool first has it. */
  watch: ClientWatch | null = null
  /** Called when something that may have written has been acknowledged; `flushed`: certainly after a flush. */
  onWrite: ((flushed: boolean) => void) | null = null
  /** Statements that set the session up for every user; they are given again after a cleaning. */
  readonly #setUp: pg.QueryConfig[] = []
  #settingUp = true
  /** What listens to messages of the server for every user. */
  #listeners: ReadonlyMap<ServerMessage, readonly Listener[]> = new Map()
  #parsers: TypeParsers | null = null
  #retyped = false
  /** Names its present user has given to statements. */
  #named = new Set<string>()
  /** Between release and the next checkout nobody may use it. */
  released = false
  /** `repeatable`: what its user has under way may be run again elsewhere. */
  use: 'none' | 'owned' | 'repeatable' = 'none'
  /** Why its user gets nothing more done on it. */
  refusal: Error | null = null
  /** The server is a standby; it tells at the start, and once promoted with its next answer (PostgreSQL 14). */
  isStandby = false
  /** What was committed last waits for no standby any more: the wait was cancelled. */
  unreplicated = false
  #traced = false
  #wrote = false
  #mayDeferFlush = false
  /** The server has begun to answer the statement under way. */
  begun = false
  /** What opens a transaction ahead of the first statement; null when that has been sent, or there is none. */
  opening: readonly string[] | null = null

  constructor(config?: pg.ClientConfig) {
    super(config)
    const { connection } = this.#internals
    const begin = (): void => {
      this.begun = true
    }
    connection.on('parseComplete', begin)
    connection.on('bindComplete', begin)
    connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'in_hot_standby') this.isStandby = parameterValue === 'on'
    })
    connection.on('notice', ({ routine }) => {
      if (routine === 'SyncRepWaitForLSN') this.unreplicated = true
    })
    // What was under way at the end may have been written.
    connection.once('end', () => {
      if (this.#wrote) this.onWrite?.(false)
    })
    // An ending connection says 'error' up to twice (what the server said, then that it is gone), also while
    // nobody listens, which would end the process; whoever uses it hears of it by its statements.
    this.on('error', () => {})
    // Before the caller hears of it: registered before the client's own listeners.
    connection.on('readyForQuery', ({ status }) => this.#noteReady(status))
  }

  /** As of a client of several groups. */
  get clients(): readonly OwnedClient[] {
    return [this]
  }

  get #internals(): PgClientInternals {
    return internalsOf(this)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of pg.Client.query cannot be said again here
  override query(...args: any[]): any {
    // A refusal says more, and nobody gets such a client again.
    if (this.refusal !== null) return refuse(args, this.refusal)
    if (this.released) return refuse(args, clientReleased())
    const [config, values] = args as [string | QueryLike | null | undefined, unknown]
    const text = typeof config === 'string' ? config : config?.text
    if (this.#settingUp) this.#keepSetUp(config, values)
    else if (typeof config === 'object' && config?.nature !== undefined) this.#noteNature(config.nature)
    else if (typeof text === 'string') this.#note(text)
    else this.#noteNature(ANY_NATURE)
    if (typeof config === 'object' && typeof config?.name === 'string') this.#claimName(config.name, text)
    this.begun = false
    this.unreplicated = false
    if (this.opening !== null) return this.#open(this.opening, args)
    return (super.query as (...all: unknown[]) => unknown)(...args)
  }

  /** Opens the transaction in the round trip of its first statement where that can be. */
  #open(opening: readonly string[], args: unknown[]): unknown {
    this.opening = null
    const query = super.query.bind(this) as (...all: unknown[]) => unknown
    const [config, values, callback] = args as [string | PgQueryConfig, unknown[], PgCallback]
    if (!this.#mayPreface(config, values)) {
      const begin = query(opening.join('; ')) as Promise<unknown>
      begin.catch((error: Error) => {
        // What follows must not run outside the transaction.
        this.refusal ??= error
        this.#internals.connection.stream.destroy()
      })
      return query(...args)
    }
    const first = new PrefacedQuery(opening, config, values, callback)
    Object.assign(first, { query_timeout: typeof config === 'string' ? undefined : config.query_timeout })
    if (first.callback !== undefined) return query(first)
    return new Promise((resolve, reject) => {
      first.callback = (error, answer) => (error ? reject(error) : resolve(answer))
      query(first)
    }).catch((error: Error) => {
      // A stack that leads to the caller rather than to the socket, as `pg` does.
      Error.captureStackTrace(error)
      throw error
    })
  }

  #mayPreface(config: string | PgQueryConfig, values: unknown): boolean {
    const {
      text,
      name,
      values: own,
    } = typeof config === 'string' ? { text: config, name: undefined, values: undefined } : config
    if (typeof text !== 'string' || name !== undefined || 'submit' in Object(config)) return false
    return Array.isArray(values) || own !== undefined || this.watch?.natureOf(text).isSingle === true
  }

  #keepSetUp(config: string | QueryLike | null | undefined, values: unknown): void {
    const given = Array.isArray(values) ? { values } : {}
    if (typeof config === 'string') this.#setUp.push({ text: config, ...given })
    else if (typeof config?.text === 'string') {
      const { text, name, values: own } = config as pg.QueryConfig
      this.#setUp.push({
        text,
        ...(name === undefined ? {} : { name }),
        values: own,
        ...given,
      } as pg.QueryConfig)
    }
  }

  /** What comes from now on is its users' own. */
  endSetUp(watch: ClientWatch): void {
    this.watch = watch
    this.#settingUp = false
    this.#listeners = new Map(SERVER_MESSAGES.map((event) => [event, this.listeners(event) as Listener[]]))
    const { text, binary } = this.#internals._types
    this.#parsers = { text: { ...text }, binary: { ...binary } }
    this.#retyped = false
    gatherWrites(this.#internals.connection)
  }

  override setTypeParser: pg.Client['setTypeParser'] = (...args: unknown[]) => {
    this.#retyped = true
    return (pg.Client.prototype.setTypeParser as (...all: unknown[]) => void).apply(this, args)
  }

  /**
   * A name that another user gave to another statement is free again: two users are two sessions. Within
   * one checkout `pg` refuses it. (Closing a statement is allowed in a failed transaction too.)
   */
  #claimName(name: string, text: unknown): void {
    const { connection } = this.#internals
    const before = connection.parsedStatements[name]
    if (before !== undefined && text !== undefined && before !== text && !this.#named.has(name)) {
      connection.close({ type: 'S', name })
      delete connection.parsedStatements[name]
    }
    this.#named.add(name)
  }

  /** Somebody has it to themselves from now on. */
  takeUp(): void {
    this.released = false
    this.use = 'owned'
    this.refusal = null
  }

  /** A statement given to it now would not even be sent. */
  get dead(): boolean {
    const { _queryable, _ended, connection } = this.#internals
    return !_queryable || _ended || !connection.stream.writable
  }

  /** Its user has done with it: nothing the server says from now on is for them. */
  putDown(): void {
    this.released = true
    this.use = 'none'
    this.#named.clear()
    for (const [event, kept] of this.#listeners) {
      if (this.listenerCount(event) === kept.length) continue
      for (const listener of this.listeners(event) as Listener[])
        if (!kept.includes(listener)) this.removeListener(event, listener)
    }
    if (this.#retyped && this.#parsers !== null) {
      Object.assign(this.#internals._types, {
        text: { ...this.#parsers.text },
        binary: { ...this.#parsers.binary },
      })
      this.#retyped = false
    }
  }

  #note(text: string): void {
    if (this.watch !== null) this.#noteNature(this.watch.natureOf(text))
  }

  #noteNature({ leavesTraces, writes, mayDeferFlush }: TextNature): void {
    this.#traced ||= leavesTraces
    this.#wrote ||= writes
    this.#mayDeferFlush ||= mayDeferFlush
  }

  #noteReady(status: 'I' | 'T' | 'E'): void {
    if (!this.#wrote || status !== 'I') return
    // What was given to it meanwhile, and waits its turn, may be what writes.
    this.#wrote = this.#internals._queryQueue.length > 0
    this.onWrite?.(!this.#mayDeferFlush)
    // Of the transaction alone, unless the session keeps it.
    if (!this.#wrote) this.#mayDeferFlush = this.#traced
  }

  /** Something of its user is still under way, or the server has not said yet how it left the session. */
  get answering(): boolean {
    const { readyForQuery, _queryQueue, _queryable, _ended } = this.#internals
    return _queryable && !_ended && (readyForQuery !== true || _queryQueue.length > 0)
  }

  /** Resolves when it is not `answering`, however long that takes. */
  async whenIdle(): Promise<void> {
    const { connection } = this.#internals
    while (this.answering)
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          connection.removeListener('readyForQuery', finish)
          connection.removeListener('end', finish)
          resolve()
        }
        connection.on('readyForQuery', finish)
        connection.on('end', finish)
      })
  }

  /** Resolves when it is not `answering`; false when what is under way is not going to end by itself. */
  whenAnswered(): Promise<boolean> {
    const { connection, _activeQuery } = this.#internals
    // A cursor that was left open keeps it busy for ever; one that is being closed does not.
    const mayHang = _activeQuery !== null && !(_activeQuery instanceof pg.Query)
    return new Promise((resolve) => {
      const finish = (answered: boolean): void => {
        clearTimeout(timer)
        connection.removeListener('readyForQuery', look)
        connection.removeListener('end', look)
        resolve(answered)
      }
      const look = (): void => {
        if (!this.answering) finish(true)
      }
      const timer = mayHang ? setTimeout(finish, CLOSING_MS, false) : undefined
      connection.on('readyForQuery', look)
      connection.on('end', look)
    })
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
    const query = super.query.bind(this) as (config: string | pg.QueryConfig) => Promise<unknown>
    if (this.#openTransaction) await query('ROLLBACK')
    await query('DISCARD ALL')
    const { parsedStatements } = this.#internals.connection
    for (const name of Object.keys(parsedStatements)) delete parsedStatements[name]
    for (const config of this.#setUp) await query({ ...config })
    this.#traced = false
    this.#wrote = false
    this.#mayDeferFlush = false
  }
}

/** A caller that goes on with a client it has released would meddle with somebody else's session. */
function clientReleased(): HerdError {
  return new HerdError('CLIENT_RELEASED', 'This client has been released to the pool already.', {
    hint: 'Use it before release(), or connect() again.',
  })
}

function refuse(args: unknown[], error: Error): unknown {
  const callback = args.find((each) => typeof each === 'function') as ((error: Error) => void) | undefined
  if (callback === undefined) return Promise.reject(error)
  process.nextTick(callback, error)
  return undefined
}
