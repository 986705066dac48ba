import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { Consistency, GroupEvent, GroupView } from '@pgherd/core/routing'
import { loadParser } from '@pgherd/core/sql'
import pg from 'pg'
import { orAborted } from './abort.js'
import {
  type Callback,
  callSafely,
  checkText,
  noFunction,
  type QueryInput,
  rejectHere,
  signalOf,
} from './calls.js'
import type { ToldGroup } from './group-nodes.js'
import { type Call, type GroupContext, type GroupListener, GroupPool } from './group-pool.js'
import { LazyClient } from './lazy-client.js'
import type { OwnedClient } from './owned-client.js'
import type { PgCallback } from './pg-internals.js'
import { poolClosed } from './pool-node.js'
import {
  checkConsistency,
  type Policy,
  type PoolOptions,
  readOptions,
  type Settings,
} from './pool-options.js'
import { currentSession, formatToken, ONE_GROUP, readToken, Session } from './session.js'
import { ShardRouter } from './shards/shard-router.js'
import type { Answer, StatementOptions } from './statement.js'
import { type PoolStatistics, Statistics } from './statistics.js'
import { SupervisorFeed } from './supervisor-feed.js'
import { Telemetry } from './telemetry.js'
import {
  openingOf,
  runTransaction,
  type Transaction,
  type TransactionFailure,
  type TransactionOptions,
} from './transaction.js'

/** The group that all statements go to, until a spec says that there are shards. */
const SHARD = 'main'
const TRANSACTION_TRIES = 10
/** Names of statements are kept; of programs that make names up, not all. */
const MOST_NAMES = 10_000

// biome-ignore lint/suspicious/noExplicitAny: as in the published types of pg, which this stands in for
type AnyRow = any

export interface ConnectOptions {
  /** Only reads will be run: a standby will do, under the pool's consistency. */
  readOnly?: boolean
  /** What those reads may see, unless as the pool says. */
  consistency?: Consistency
  signal?: AbortSignal
}

export interface PoolEvents {
  connect: [pg.PoolClient]
  acquire: [pg.PoolClient]
  release: [Error | boolean | undefined, pg.PoolClient]
  remove: [pg.PoolClient]
  error: [Error, pg.PoolClient]
  failover: [GroupEvent]
  'node-out': [GroupEvent]
  'node-back': [GroupEvent]
  lag: [GroupEvent]
  'rival-primary': [GroupEvent]
  closed: []
}

/**
 * A pool of connections to a herd, to be used like `pg.Pool`: reads are answered by standbys, writes by
 * the primary, a failover is a pause, and a read sees what its session wrote.
 *
 * Errors: those of PostgreSQL and `pg` as they are, and `HerdError` with a `code` of the catalogue
 * (docs/errors.md): NO_PRIMARY, NODES_UNREACHABLE, OUTCOME_UNKNOWN, QUEUE_FULL, POOL_CLOSED, …
 */
export class Pool extends EventEmitter<PoolEvents> {
  /** As they were given, with the defaults of `pg.Pool`. */
  options: PoolOptions & pg.PoolOptions
  readonly #settings: Settings
  readonly #context: GroupContext
  /** The nodes that were named: all, or those of one group of a sharded herd. */
  readonly #group: GroupPool
  #router: ShardRouter | null = null
  readonly #feed: SupervisorFeed | null
  /** As the supervisor said last. */
  #told: readonly ToldGroup[] = []
  readonly #statistics = new Statistics()
  readonly #telemetry = Telemetry.find()
  readonly #session = new Session()
  /** Texts by the names that callers gave them. */
  readonly #names = new Map<string, string>()
  #routing: Promise<void> | null = null
  #opening: Promise<void> | null = null
  #ready = false
  #state: 'open' | 'ending' | 'ended' = 'open'
  #underWay = 0
  #idle: (() => void) | null = null

  /** Throws OPTIONS_INVALID. Connects to nothing before it is first used. */
  constructor(options: PoolOptions = {}) {
    super()
    this.options = withDefaults(options)
    this.#settings = readOptions(options, process.env)
    const listener: GroupListener = {
      connected: (client) => this.#tellConnected(client),
      acquired: (client) => this.emit('acquire', client),
      released: (error, client) => this.emit('release', error, client),
      removed: (client) => this.emit('remove', client),
      lost: (error, client) => {
        // pg.Pool ends the process when nobody listens; here the next statement just gets another connection.
        if (this.listenerCount('error') > 0) this.emit('error', error, client)
      },
      event: (event) => this.#tell(event),
    }
    this.#context = {
      settings: this.#settings,
      statistics: this.#statistics,
      telemetry: this.#telemetry,
      listener,
    }
    const entering = async (client: pg.PoolClient): Promise<void> => {
      const router = this.#router
      if (router === null) await listener.connected(client)
      else await router.enter(router.firstName, client, listener)
    }
    this.#group = new GroupPool(SHARD, { ...this.#context, listener: { ...listener, connected: entering } })
    const { supervisor } = this.#settings
    this.#feed =
      supervisor === null
        ? null
        : new SupervisorFeed(supervisor, {
            event: () => {
              for (const group of this.#groups) group.watch.lookAround()
            },
            nodes: (told) => {
              this.#told = told
              this.#learnNodes()
            },
          })
  }

  // ---- what pg.Pool has

  /** As in the published types of `pg`, so that this is a `pg.Pool` for whoever asks for one; and a herd's own. */
  override on<K extends 'error' | 'release' | 'connect' | 'acquire' | 'remove'>(
    event: K,
    listener: K extends 'error' | 'release'
      ? (error: Error, client: pg.PoolClient) => void
      : (client: pg.PoolClient) => void,
  ): this
  override on<K extends keyof PoolEvents>(event: K, listener: (...args: PoolEvents[K]) => void): this
  override on(event: never, listener: never): this {
    return super.on(event, listener)
  }

  /** Connections that callers have to themselves, of all nodes; lanes and probes come on top. */
  get totalCount(): number {
    return this.#sum((group) => group.sum((node) => node.totalCount))
  }

  get idleCount(): number {
    return this.#sum((group) => group.sum((node) => node.idleCount))
  }

  get expiredCount(): number {
    return this.#sum((group) => group.sum((node) => node.expiredCount))
  }

  /** Callers that wait, for a connection or for a node. */
  get waitingCount(): number {
    return this.#sum((group) => group.waitingCount)
  }

  get ending(): boolean {
    return this.#state !== 'open'
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  get #groups(): GroupPool[] {
    return this.#router === null ? [this.#group] : [...this.#router.groups.values()]
  }

  #sum(count: (group: GroupPool) => number): number {
    return this.#groups.reduce((sum, group) => sum + count(group), 0)
  }

  /** Runs one statement. Takes what `pg.Pool.query` takes, and `consistency` and `signal` in its config. */
  query<R extends AnyRow[] = AnyRow[], I = AnyRow[]>(
    config: pg.QueryArrayConfig<I> & StatementOptions,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryArrayResult<R>>
  query<R extends pg.QueryResultRow = AnyRow, I = AnyRow[]>(
    textOrConfig: string | (pg.QueryConfig<I> & StatementOptions),
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryResult<R>>
  query<T extends pg.Submittable>(stream: T): T
  query<R extends AnyRow[] = AnyRow[], I = AnyRow[]>(
    config: pg.QueryArrayConfig<I>,
    callback: (error: Error, result: pg.QueryArrayResult<R>) => void,
  ): void
  query<R extends pg.QueryResultRow = AnyRow, I = AnyRow[]>(
    textOrConfig: string | pg.QueryConfig<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void
  query<R extends pg.QueryResultRow = AnyRow, I = AnyRow[]>(
    text: string,
    values: pg.QueryConfigValues<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void
  query(input: unknown, values?: unknown, callback?: unknown): unknown {
    return this.#query(input, values, callback, null)
  }

  #query(input: unknown, given: unknown, last: unknown, policy: Policy | null): unknown {
    const callback = [input, given, last].find((each) => typeof each === 'function') as Callback | undefined
    const values = typeof given === 'function' ? undefined : (given as unknown[] | undefined)
    if (callback !== undefined) {
      const tell = (error: Error): void => callSafely(callback, error)
      const resolve = (answer: Answer): void => callSafely(callback, undefined, answer)
      if (input === callback) setImmediate(tell, noFunction())
      else this.#submit(input as QueryInput, values, policy, resolve, tell)
      return undefined
    }
    return new Promise((resolve) => {
      const fail = (error: Error): void => resolve(rejectHere(error))
      this.#submit(input as QueryInput, values, policy, resolve, fail)
    })
  }

  /** Never throws: what is wrong is given to `reject`. */
  #submit(
    input: QueryInput,
    values: unknown[] | undefined,
    policy: Policy | null,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): void {
    if (this.#state !== 'open') {
      reject(poolClosed())
      return
    }
    if (input instanceof pg.Query) {
      this.#runQueryObject(input).then(resolve, reject)
      return
    }
    const startedAtMs = performance.now()
    const surroundings = this.#telemetry?.surroundings() ?? null
    this.#underWay++
    const settle = (): void => {
      if (--this.#underWay === 0) this.#idle?.()
    }
    const answered = (answer: Answer): void => {
      settle()
      resolve(answer)
    }
    const refused = (error: Error): void => {
      settle()
      reject(error)
    }
    const begin = (): void => {
      try {
        const config: Exclude<QueryInput, string> = typeof input === 'string' ? { text: input } : input
        const text = checkText(config)
        this.#checkName(config.name, text)
        if (config.consistency !== undefined) checkConsistency(config.consistency, 'consistency')
        this.#dispatch({
          config,
          text,
          values: values ?? (config.values as unknown[] | undefined),
          policy,
          session: this.#currentSession(),
          startedAtMs,
          surroundings,
          resolve: answered,
          reject: (error) => {
            if (config.name !== undefined) this.#names.delete(config.name)
            refused(error)
          },
        })
      } catch (error) {
        refused(error as Error)
      }
    }
    if (this.#ready) begin()
    else orAborted(this.#open(), signalOf(input)).then(begin, refused)
  }

  /** Rows come as events of the object: that is for a client of its own. */
  async #runQueryObject(query: pg.Query): Promise<Answer> {
    const client = await this.#connect({}, null)
    return new Promise((resolve, reject) => {
      const run = client.query as unknown as (query: pg.Query, values: undefined, done: PgCallback) => void
      run.call(client, query, undefined, (error, answer) => {
        client.release(isUsable(client) ? undefined : true)
        if (error) reject(error)
        else resolve(answer)
      })
    })
  }

  #dispatch(call: Call): void {
    if (this.#router === null) this.#group.run(this.#group.knowledge.book.look(call.text), call)
    else this.#router.run(call)
  }

  /** Throws what `pg` says when a connection knows the name for another text; here every one does. */
  #checkName(name: string | undefined, text: string): void {
    if (name === undefined) return
    const before = this.#names.get(name)
    if (before !== undefined && before !== text)
      throw new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
    if (before !== undefined) return
    if (this.#names.size >= MOST_NAMES) this.#names.clear()
    this.#names.set(name, text)
  }

  /** A client of the primary for the caller alone, until its `release()`; as `pg.Pool.connect`. */
  connect(): Promise<pg.PoolClient>
  connect(options: ConnectOptions): Promise<pg.PoolClient>
  connect(
    callback: (
      error: Error | undefined,
      client: pg.PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): void
  connect(given?: unknown): unknown {
    const lazy = this.#settings.lazyClients
    if (typeof given !== 'function') {
      const options = (given ?? {}) as ConnectOptions
      return lazy && options.readOnly !== true ? this.#connectLazily(options) : this.#connect(options, null)
    }
    const callback = given as Callback
    const connecting = lazy ? this.#connectLazily({}) : this.#connect({}, null)
    connecting.then(
      (client) => callSafely(callback, undefined, client, client.release),
      (error: Error) => callSafely(callback, error, undefined, () => {}),
    )
    return undefined
  }

  async #connect(
    { readOnly = false, consistency, signal }: ConnectOptions,
    policy: Policy | null,
  ): Promise<pg.PoolClient> {
    if (this.#state !== 'open') throw poolClosed()
    if (consistency !== undefined) checkConsistency(consistency, 'consistency')
    const { closing } = this.#group.checkouts
    if (!this.#ready) {
      void this.#open().catch(() => {})
      // What went wrong is told by what is done next.
      const routed = this.#route().catch(() => {})
      await orAborted(routed, signal === undefined ? closing : AbortSignal.any([signal, closing]))
    }
    if (this.#router !== null) {
      if (!this.#ready) await this.#open()
      return this.#router.client(this.#currentSession(), policy) as unknown as pg.PoolClient
    }
    const client = await this.#group.checkout({
      consistency: readOnly ? (consistency ?? policy?.consistency ?? this.#settings.consistency) : 'primary',
      session: this.#currentSession(),
      policy,
      signal: signal ?? null,
    })
    if (this.#state === 'open') return client
    client.release()
    throw poolClosed()
  }

  async #connectLazily(options: ConnectOptions): Promise<pg.PoolClient> {
    if (this.#state !== 'open') throw poolClosed()
    await orAborted(this.#open(), options.signal ?? null)
    if (this.#router !== null) return this.#connect(options, null)
    const client = new LazyClient({
      isShared: (text) => {
        const { facts, judgement } = this.#group.knowledge.book.look(text)
        return judgement.shared && facts.statements === 1
      },
      query: (input, values, thrownAway) => {
        const config = typeof input === 'string' ? { text: input } : (input as Exclude<QueryInput, string>)
        const signal = config.signal ? AbortSignal.any([config.signal, thrownAway]) : thrownAway
        return this.#query({ ...config, signal }, values, undefined, null) as Promise<Answer>
      },
      connect: () => this.#connect(options, null),
    })
    return client as unknown as pg.PoolClient
  }

  /** Lets what is under way finish, then closes every connection. Rejects with POOL_CLOSED the second time. */
  end(): Promise<void>
  end(callback: () => void): void
  end(callback?: () => void): Promise<void> | undefined {
    const ended = this.#end()
    if (callback === undefined) return ended
    ended.then(
      () => callSafely(callback),
      (error: Error) => callSafely(callback, error),
    )
    return undefined
  }

  async #end(): Promise<void> {
    if (this.#state !== 'open') throw new HerdError('POOL_CLOSED', 'Called end on pool more than once')
    this.#state = 'ending'
    for (const group of this.#groups) group.checkouts.close(poolClosed())
    if (this.#underWay > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    await this.#router?.drain()
    this.#feed?.close()
    await Promise.all([this.#group.close(), this.#router?.close()])
    this.#state = 'ended'
    this.emit('closed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'open') await this.#end()
  }

  // ---- what a herd adds

  /**
   * Runs `fn` in a transaction and commits it. With `retry`, again after what certainly undid it.
   *
   * Throws what `fn` throws; OUTCOME_UNKNOWN when the connection ended during COMMIT; TRANSACTION_ABORTED
   * when `fn` swallowed the error of a statement.
   */
  transaction<T>(fn: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#transaction(fn, options, null)
  }

  async #transaction<T>(
    fn: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions,
    policy: Policy | null,
  ): Promise<T> {
    const { signal } = options
    // A standby does not serialize.
    const consistency = options.isolation === 'serializable' ? 'primary' : options.consistency
    const need: ConnectOptions = {
      readOnly: options.readOnly ?? false,
      ...(consistency === undefined ? {} : { consistency }),
      ...(signal === undefined ? {} : { signal }),
    }
    const session = this.#currentSession()
    const opening = openingOf(options, policy?.synchronousCommit ?? null)
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      const client = await this.#connect(need, policy)
      let broken: Error | undefined
      try {
        return await runTransaction(client as unknown as OwnedClient, fn, opening, signal ?? null)
      } catch (failure) {
        const { error, again } = failure as TransactionFailure
        if (!isUsable(client)) broken = error instanceof Error ? error : new Error(String(error))
        // I4: whoever looks whether it took effect must see it if it did.
        if (error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN') {
          if (this.#router !== null) this.#router.noteUnknown(session)
          else {
            this.#statistics.unknown++
            this.#group.finder.stamper.wrote(session, false)
          }
        }
        if (options.retry !== true || !again || attempt >= TRANSACTION_TRIES) throw error
      } finally {
        client.release(broken)
      }
      await sleep(Math.min(200, 5 * 2 ** attempt))
    }
  }

  /**
   * Runs `fn` as a session of its own: reads in it see the writes in it, and need not wait for those of
   * others. `token`, from `sessionToken` of any process, makes it see that session's writes too.
   */
  session<T>(fn: () => T, token?: string): T {
    const session = new Session(token === undefined ? null : readToken(token))
    return currentSession.run({ pool: this, session, outer: currentSession.getStore() ?? null }, fn)
  }

  /** What another process needs to see the writes of this session: for a cookie or a header. */
  async sessionToken(): Promise<string> {
    if (this.#state === 'ended') throw poolClosed()
    await this.#open()
    const session = this.#currentSession()
    if (this.#router !== null) return formatToken(await this.#router.positionsOf(session))
    const { checkouts } = this.#group
    const lsn = await checkouts.positionOf(session, this.#group.deadlineMs(null), null)
    return formatToken(new Map([[ONE_GROUP, lsn]]))
  }

  #currentSession(): Session {
    let context = currentSession.getStore() ?? null
    while (context !== null && context.pool !== this) context = context.outer
    return context?.session ?? this.#session
  }

  /**
   * An id that no other call gets, whichever process and group asks: 64 bits, rising with time
   * (docs/sharding.md). Rejects with NOT_SUPPORTED where the herd is not sharded.
   */
  async nextId(): Promise<bigint> {
    if (this.#state !== 'open') throw poolClosed()
    await this.#open()
    if (this.#router === null)
      throw new HerdError(
        'NOT_SUPPORTED',
        'Only a sharded herd gives ids; here a sequence or an identity column does.',
      )
    return this.#router.nextId()
  }

  /** The same pool under a named policy of its options. Throws OPTIONS_INVALID when there is none. */
  with(name: string): PolicyPool {
    const policy = this.#settings.policies[name]
    if (policy === undefined) {
      const known = Object.keys(this.#settings.policies).join(', ') || 'none'
      throw new HerdError('OPTIONS_INVALID', `There is no policy "${name}"; this pool has: ${known}.`)
    }
    return {
      query: ((...args: unknown[]) => this.#query(args[0], args[1], args[2], policy)) as Pool['query'],
      transaction: (fn, options = {}) => this.#transaction(fn, options, policy),
    }
  }

  /** Every node as it is known now. */
  get topology(): GroupView {
    return this.#group.watch.view
  }

  get statistics(): PoolStatistics {
    const all = this.#groups.flatMap((group) => [...group.nodes.values()])
    const nodes = all.map((node) => [node.name, node.counts] as const)
    return this.#statistics.read({
      waiting: this.waitingCount,
      nodes: Object.fromEntries(nodes),
      cache: this.#group.knowledge.book.counts,
    })
  }

  // ---- inside

  /** Gets ready to judge statements: the parser, and what the server has under its names. */
  #open(): Promise<void> {
    this.#opening ??= this.#prepare().catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async #prepare(): Promise<void> {
    this.#feed?.start()
    await this.#route()
    await Promise.all([loadParser(), this.#group.knowledge.loader.load()])
    this.#ready = true
  }

  /** Finds out whether there is one group or several. */
  #route(): Promise<void> {
    this.#routing ??= this.#findGroups().catch((error: unknown) => {
      this.#routing = null
      throw error
    })
    return this.#routing
  }

  async #findGroups(): Promise<void> {
    await this.#group.start()
    this.#router = await ShardRouter.open(this.#group, this.#context)
    this.#learnNodes()
  }

  #learnNodes(): void {
    if (this.#router === null) this.#group.learnNodes(this.#told)
    else this.#router.learnNodes(this.#told)
  }

  /** The event 'connect'; unlike `pg.Pool` waits for listeners that return promises, and fails with them. */
  async #tellConnected(client: pg.PoolClient): Promise<void> {
    const told = this.rawListeners('connect').map((listener) => listener.call(this, client) as unknown)
    await Promise.all(told)
  }

  #tell(event: GroupEvent): void {
    if (event.kind === 'failover') this.#statistics.failovers++
    this.emit(event.kind, event)
  }
}

/** A pool under one policy. */
export interface PolicyPool {
  readonly query: Pool['query']
  readonly transaction: Pool['transaction']
}

/** Makes a pool. Throws OPTIONS_INVALID. */
export function createPool(options: PoolOptions = {}): Pool {
  return new Pool(options)
}

// Libraries ask `instanceof pg.Pool` to tell a pool from a client.
Object.setPrototypeOf(Pool.prototype, pg.Pool.prototype)

function withDefaults(options: PoolOptions): PoolOptions & pg.PoolOptions {
  const full = {
    ...options,
    max: options.max || 10,
    min: options.min || 0,
    maxUses: options.maxUses || Number.POSITIVE_INFINITY,
    allowExitOnIdle: options.allowExitOnIdle || false,
    maxLifetimeSeconds: options.maxLifetimeSeconds || 0,
    idleTimeoutMillis: options.idleTimeoutMillis === undefined ? 10_000 : options.idleTimeoutMillis,
  }
  // So that nobody prints it by accident.
  if ('password' in options) Object.defineProperty(full, 'password', { enumerable: false })
  return full
}

function isUsable(client: pg.PoolClient): boolean {
  const { dead, refusal } = client as unknown as OwnedClient
  return !dead && refusal === null
}
