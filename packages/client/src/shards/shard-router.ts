import { HerdError } from '@pgherd/core'
import { type Catalogue, readExplain } from '@pgherd/core/sql'
import pg from 'pg'
import type { ToldGroup } from '../group-nodes.js'
import { type Call, type GroupContext, type GroupListener, GroupPool } from '../group-pool.js'
import { addressElsewhere } from '../node-addresses.js'
import { poolClosed } from '../pool-node.js'
import type { Policy } from '../pool-options.js'
import { sqlStateOf } from '../server-error.js'
import type { Positions, Session } from '../session.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { StatementKnowledge } from '../statement-knowledge.js'
import type { CopyRoute } from './copy-route.js'
import { type ExplainedRead, explainRead } from './explain-read.js'
import { awaitFederation, FederationPool } from './federation-pool.js'
import { GroupConnections } from './group-connections.js'
import { HerdClient } from './herd-client.js'
import { type ClientQuery, type HerdRoute, MOST_ROUTES, OTHER_EPOCH, type Router } from './herd-route.js'
import { IdSource } from './id-source.js'
import { type FullPlacement, fetchPlacedCatalogue, fetchPlacement } from './placed-columns.js'
import { planHerdRoute } from './plan-herd-route.js'
import { MissingTable, RoutePlanner } from './route-planner.js'
import { type ScatterRoute, ScatterRuns } from './scatter-runs.js'
import { SpreadRuns } from './spread-runs.js'

/** Of the federation, beside the database whose tables it puts together. */
const FEDERATION_SUFFIX = '_herd'
const NONE: ReadonlySet<string> = new Set()
/** A table that is not there may have been made since. */
const LEARN_AGAIN_MS = 100

/** Whom a statement goes to; of the federation, nobody knows before it runs. */
function groupsOf(route: HerdRoute): readonly string[] {
  if ('groups' in route) return route.groups
  if ('parts' in route) return [...new Set(route.parts.map(({ group }) => group))]
  return 'group' in route ? [route.group] : []
}

/** The groups of a sharded herd, and which of them a statement is for. */
export class ShardRouter {
  readonly #context: GroupContext
  /** The group whose nodes were named. */
  readonly #first: GroupPool
  readonly #groups = new Map<string, GroupPool>()
  /** What is known of statements for shards: all have the same tables. */
  readonly #shards: StatementKnowledge
  #placement: FullPlacement
  #planner: RoutePlanner | null = null
  readonly #federation = new FederationPool(() => this.#openFederation())
  #reloading: Promise<void> | null = null
  #turn = 0
  readonly #scatters: ScatterRuns
  readonly #connections: GroupConnections
  readonly #spread: SpreadRuns
  readonly #ids = new IdSource((work) => this.#borrowShard(work, 'primary'))
  #learntAtMs = 0
  #closed = false
  /** What clients have under way that have no connection for it. */
  readonly #underWay = new Set<Promise<unknown>>()

  private constructor(first: GroupPool, placement: FullPlacement, context: GroupContext) {
    this.#first = first
    this.#context = context
    this.#placement = placement
    this.#shards = new StatementKnowledge('shards', (work, role) => this.#borrowShard(work, role))
    this.#scatters = new ScatterRuns(context.settings.pool)
    const { failoverWaitMs } = context.settings
    this.#connections = new GroupConnections(this.#groups, failoverWaitMs)
    this.#spread = new SpreadRuns(
      {
        client: (session, policy) => this.client(session, policy),
        connect: (group, session, policy) => this.#connections.connect(group, session, policy),
        noteUnknown: (session) => this.noteUnknown(session),
        schemaChanged: () => this.#schemaChanged(),
      },
      failoverWaitMs,
    )
    this.#openGroups()
  }

  /** Null: the herd is not sharded. */
  static async open(first: GroupPool, context: GroupContext): Promise<ShardRouter | null> {
    const placement = await first.borrow(fetchPlacement, 'standby')
    if (placement === null) return null
    const router = new ShardRouter(first, placement, context)
    try {
      await Promise.all(
        [...router.#groups.values()].filter((group) => group !== first).map((group) => group.start()),
      )
      await Promise.all([router.#home.knowledge.loader.load(), router.#shards.loader.load()])
      await router.#learn()
    } catch (error) {
      await router.close()
      throw error
    }
    return router
  }

  /** Of the map that statements are planned by. */
  get epoch(): number {
    return this.#placement.map.epoch
  }

  get groups(): ReadonlyMap<string, GroupPool> {
    return this.#groups
  }

  get firstName(): string {
    return this.#placement.thisGroup
  }

  #openGroups(): void {
    const { groups, map, thisGroup } = this.#placement
    const wanted = new Set([this.#placement.home, ...map.shards])
    const [like] = this.#context.settings.addresses
    if (like === undefined) return
    for (const { name, nodes } of groups) {
      if (!wanted.has(name) || this.#groups.has(name)) continue
      if (name === thisGroup) this.#groups.set(name, this.#first)
      else this.#groups.set(name, this.#openGroup(name, nodes, null, map.shards.includes(name)))
    }
  }

  #openGroup(name: string, nodes: readonly string[], database: string | null, isShard: boolean): GroupPool {
    const { settings, listener } = this.#context
    const [like] = settings.addresses as [(typeof settings.addresses)[0]]
    const addresses = nodes.map((node) => addressElsewhere(like, node, database))
    const entered: GroupListener =
      database === null
        ? { ...listener, connected: async (client) => this.enter(name, client, listener) }
        : listener
    const context = { ...this.#context, settings: { ...settings, addresses }, listener: entered }
    const knowledge = isShard ? this.#shards : database === null ? null : 'federation'
    return new GroupPool(database ?? name, context, knowledge)
  }

  /** Every connection says under which map its statements were planned: under another one it gets none. */
  async enter(group: string, client: pg.PoolClient, listener: GroupListener): Promise<void> {
    await client.query('select pgherd.enter($1, $2)', [this.epoch, group])
    await listener.connected(client)
  }

  get #home(): GroupPool {
    return this.#groups.get(this.#placement.home) as GroupPool
  }

  /** A connection to whichever shard has one to give: all have the same tables. */
  async #borrowShard<T>(work: (client: pg.Client) => Promise<T>, role: 'primary' | 'standby'): Promise<T> {
    const shards = this.#placement.map.shards.map((name) => this.#groups.get(name) as GroupPool)
    const usable = shards.find(({ watch }) => watch.view.primary !== null)
    return (usable ?? (shards[0] as GroupPool)).borrow(work, role)
  }

  /** A table that was not there a while ago may be there now. */
  get #mayKnowMore(): boolean {
    return performance.now() - this.#learntAtMs > LEARN_AGAIN_MS
  }

  /** What the shards have of the tables that are spread. */
  async #learn(): Promise<void> {
    this.#learntAtMs = performance.now()
    const names = Object.keys(this.#placement.tables)
    const catalogue = await this.#borrowShard((client) => fetchPlacedCatalogue(client, names), 'primary')
    this.#planner = new RoutePlanner(this.#placement, catalogue, this.#shards.catalogue)
  }

  /** What has been learnt of names may have been changed by others: it is learnt again now and then. */
  #learnOften(): void {
    if (this.#planner?.catalogue === this.#shards.catalogue) return
    if (performance.now() - this.#learntAtMs > LEARN_AGAIN_MS) this.#learn().catch(() => {})
  }

  /** The map is another one now. */
  #reload(): Promise<void> {
    this.#reloading ??= (async () => {
      const placement = await this.#home.borrow(fetchPlacement, 'primary')
      if (placement === null) throw new HerdError('SHARD_MAP_INVALID', 'The herd has no shard map any more.')
      this.#placement = { ...placement, thisGroup: this.#placement.thisGroup }
      this.#openGroups()
      await this.#learn()
    })().finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  // ---- statements

  get homeCatalogue(): Catalogue {
    return this.#home.knowledge.catalogue
  }

  look(text: string): StatementRecord {
    return this.#home.knowledge.book.look(text)
  }

  route(
    record: StatementRecord,
    values: readonly unknown[] | undefined,
    near: ReadonlySet<string>,
  ): HerdRoute {
    return this.#routeBy(this.#planner as RoutePlanner, record, values, near)
  }

  /** Rows whose key changes can be moved here. */
  #routeBy(
    planner: RoutePlanner,
    record: StatementRecord,
    values: readonly unknown[] | undefined,
    near: ReadonlySet<string>,
  ): HerdRoute {
    return planHerdRoute(planner, record, values, near, this.#turn++, this)
  }

  /** Runs one statement where it belongs; the call is this one's from now on. Throws what refuses it. */
  run(call: Call): void {
    if (this.#closed) throw poolClosed()
    this.#learnOften()
    this.#dispatch(call, call.session, call.reject, 1)
  }

  #dispatch(call: Call, session: Session, reject: Call['reject'], plans: number): void {
    const record = this.look(call.text)
    let route: HerdRoute
    try {
      route = this.route(record, call.values, NONE)
    } catch (error) {
      if (!(error instanceof MissingTable) || !this.#mayKnowMore) throw error
      this.#learn()
        .then(() => this.#dispatch(call, session, reject, plans))
        .catch(reject)
      return
    }
    call.reject = (error) => {
      if (sqlStateOf(error) !== OTHER_EPOCH || plans >= MOST_ROUTES) reject(error)
      else
        this.#reload()
          .then(() => this.#dispatch(call, session, reject, plans + 1))
          .catch(reject)
    }
    call.config.trace?.routed?.(route.kind, groupsOf(route), null)
    switch (route.kind) {
      case 'group':
        this.#runInGroup(route, record, call, session)
        return
      case 'scatter':
        this.#runScattered(route, call, session).then(call.resolve, (error: Error) => call.reject(error))
        return
      case 'federation': {
        const explained = this.#explained(record, call)
        if (explained === null) this.#runFederated(call, session, route.why).catch(reject)
        else this.#explain(explained, call, session).then(call.resolve, (error: Error) => call.reject(error))
        return
      }
      case 'each':
      case 'parts':
      case 'move':
      case 'select insert':
        this.#spread.run(route, record, call, session).then(call.resolve, call.reject)
    }
  }

  #runInGroup(
    { group: name, text }: Extract<HerdRoute, { kind: 'group' }>,
    record: StatementRecord,
    call: Call,
    session: Session,
  ): void {
    const group = this.#groups.get(name) as GroupPool
    call.session = session.inGroup(name)
    if (text !== undefined) group.run(group.knowledge.book.look(text), { ...call, text })
    else if (changesSchema(record)) {
      const changed = (answer: Answer): void => {
        this.#schemaChanged().then(() => call.resolve(answer))
      }
      group.run(this.#known(group, record), { ...call, resolve: changed })
    } else group.run(this.#known(group, record), call)
  }

  /** What a group knows of a statement. */
  #known(group: GroupPool, record: StatementRecord): StatementRecord {
    return group.knowledge.book.look(record.text, record)
  }

  /** What a session must see wherever it goes on; of groups in which it has written nothing there is nothing. */
  async positionsOf(session: Session): Promise<Positions> {
    const positions = await Promise.all(
      [...this.#groups].map(async ([name, group]) => {
        const lsn = await group.checkouts.positionOf(session.inGroup(name), group.deadlineMs(null), null)
        return [name, lsn] as const
      }),
    )
    return new Map(positions.filter(([, lsn]) => lsn > 0))
  }

  #runScattered(route: ScatterRoute, call: Call, session: Session): Promise<Answer> {
    const { values = [], config } = call
    const shard = route.groups[this.#turn++ % route.groups.length] as string
    return this.#scatters.run(
      route,
      this.look(call.text).facts,
      { values, config },
      {
        ask: (group, { text, values: given, config: how }) =>
          this.#ask(group, text, [...given], { ...call, config: how }, session),
        askAny: ({ text, values: given, config: how }) =>
          this.#ask(shard, text, [...given], { ...call, config: how }, session),
        federate: (why) =>
          new Promise((resolve, reject) => {
            this.#runFederated({ ...call, resolve, reject }, session, why).catch(reject)
          }),
      },
    )
  }

  /** EXPLAIN of a read that no shard has all of. */
  #explained({ facts, text }: StatementRecord, { values }: Call): ExplainedRead | null {
    const explain = facts.command === 'EXPLAIN' ? readExplain(text) : null
    if (explain === null) return null
    const of = this.route(this.look(explain.query), values, NONE)
    return of.kind === 'scatter' || of.kind === 'federation' ? { explain, of } : null
  }

  #explain(read: ExplainedRead, call: Call, session: Session): Promise<Answer> {
    const { text, values = [], config } = call
    const { signal, consistency, trace } = config
    const types = config.types ?? this.#context.settings.pool.types
    trace?.routed?.(read.of.kind, groupsOf(read.of), null)
    return explainRead(read, text, values, { rowMode: config.rowMode, types }, (to, asked) => {
      const how = { ...asked, signal, consistency, trace } as Call['config']
      if ('group' in to)
        return this.#ask(to.group, asked.text, asked.values ?? [], { ...call, config: how }, session)
      return new Promise((resolve, reject) => {
        const federated = { ...call, config: how, resolve: resolve as Call['resolve'], reject }
        this.#runFederated(federated, session, to.federated).catch(reject)
      })
    })
  }

  /** Runs another text than the call's on one group. */
  #ask(name: string, text: string, values: unknown[], call: Call, session: Session): Promise<pg.QueryResult> {
    const group = this.#groups.get(name) as GroupPool
    return new Promise((resolve, reject) => {
      group.run(group.knowledge.book.look(text), {
        ...call,
        text,
        values,
        session: session.inGroup(name),
        resolve: resolve as Call['resolve'],
        reject,
      })
    })
  }

  /** `why`: the federation is needed. */
  #runFederated(call: Call, session: Session, why: string): Promise<void> {
    call.config.trace?.routed?.('federation', [this.#placement.home], why)
    const failoverWaitMs = call.policy?.failoverWaitMs ?? this.#context.settings.failoverWaitMs
    return this.#federation.run(call, session, call.startedAtMs + failoverWaitMs)
  }

  async #openFederation(): Promise<GroupPool> {
    const { rows } = await this.#home.borrow(
      (client) => client.query<{ name: string }>('select current_database() as name'),
      'standby',
    )
    const database = `${rows[0]?.name}${FEDERATION_SUFFIX}`
    return this.#openGroup(this.#placement.home, [...this.#home.nodes.keys()], database, false)
  }

  /** I4: whoever looks whether it took effect must see it if it did. */
  noteUnknown(session: Session): void {
    this.#context.statistics.unknown++
    for (const [name, { finder }] of this.#groups) finder.stamper.wrote(session.inGroup(name), false)
  }

  /**
   * The next statement is judged by what is there now; one over shards is answered from it, too. The change
   * itself is done: it does not fail because somebody cannot be asked about it now.
   */
  async #schemaChanged(): Promise<void> {
    await awaitFederation(this.#home).catch(() => {})
    const loading = [this.#home.knowledge.loader.loadAnew(), this.#shards.loader.loadAnew()]
    await Promise.allSettled(loading)
    await this.#learn().catch(() => {
      this.#learntAtMs = 0
    })
  }

  // ---- clients

  client(session: Session, policy: Policy | null): HerdClient {
    return new HerdClient({
      home: this.#placement.home,
      types: this.#context.settings.pool.types ?? pg.types,
      look: (text) => this.look(text),
      natureIn: (group, record) => this.#known(this.#groups.get(group) as GroupPool, record).nature,
      router: {
        route: (record, values, near) => this.#routeByLatest(() => this.route(record, values, near)),
        routeCopy: (record, near) => this.#routeByLatest(() => this.#routeCopy(record, near)),
      },
      routeBy: (client) => this.#makeRouter(client),
      schemaChanged: () => this.#schemaChanged(),
      reload: () => this.#reload(),
      query: (query, signal) => this.#queryFor(query, signal, session, policy),
      connect: (group, holds) =>
        holds
          ? this.#connections.connectInTime(group, session, policy)
          : this.#connections.connect(group, session, policy),
      connectFederation: async () => {
        const federation = await this.#federation.group()
        const need = { consistency: 'primary', policy, signal: null } as const
        return federation.checkout({ ...need, session: session.inGroup(federation.name) })
      },
      endPrepared: (group, statement) => this.#connections.endPrepared(group, statement, session),
    })
  }

  #routeCopy(record: StatementRecord, near: ReadonlySet<string>): CopyRoute {
    const planner = this.#planner as RoutePlanner
    return planner.routeCopy(record, near, this.#turn++, (text) => this.look(text))
  }

  /** Again when a table was not there that may be there by now. */
  async #routeByLatest<R>(route: () => R): Promise<R> {
    this.#learnOften()
    try {
      return route()
    } catch (error) {
      if (!(error instanceof MissingTable) || !this.#mayKnowMore) throw error
      await this.#learn()
      return route()
    }
  }

  async #makeRouter(client: pg.ClientBase): Promise<Router> {
    const names = Object.keys(this.#placement.tables)
    const planner = new RoutePlanner(
      this.#placement,
      await fetchPlacedCatalogue(client, names),
      this.#shards.catalogue,
    )
    // Nothing could be done with such a table: its transaction had better not make it.
    for (const [table, why] of planner.unusable) if (!this.#planner?.unusable.has(table)) throw why
    return {
      route: async (record, values, near) => this.#routeBy(planner, record, values, near),
      routeCopy: async (record, near) =>
        planner.routeCopy(record, near, this.#turn++, (text) => this.look(text)),
    }
  }

  #queryFor(
    { text, values, config }: ClientQuery,
    thrownAway: AbortSignal,
    session: Session,
    policy: Policy | null,
  ): Promise<Answer> {
    const { signal } = config as { signal?: AbortSignal }
    const running = new Promise<Answer>((resolve, reject) => {
      this.run({
        config: {
          ...(config as pg.QueryConfig),
          signal: signal ? AbortSignal.any([signal, thrownAway]) : thrownAway,
        },
        text,
        values: values as unknown[] | undefined,
        policy,
        session,
        startedAtMs: performance.now(),
        surroundings: null,
        resolve,
        reject,
      })
    })
    this.#underWay.add(running)
    const ended = (): void => {
      this.#underWay.delete(running)
    }
    running.then(ended, ended)
    return running
  }

  /** Unique over all groups, rising with time. */
  nextId(): Promise<bigint> {
    return this.#ids.next()
  }

  /** Lets what clients have under way finish; nothing new is taken. */
  async drain(): Promise<void> {
    this.#closed = true
    this.#federation.stopTrying()
    for (const group of this.#all) group.checkouts.close(poolClosed())
    await Promise.allSettled(this.#underWay)
  }

  /** Nodes came or went. */
  learnNodes(told: readonly ToldGroup[]): void {
    for (const group of this.#all) group.learnNodes(told)
  }

  get #all(): GroupPool[] {
    const { opened } = this.#federation
    return [...this.#groups.values(), ...(opened === null ? [] : [opened])]
  }

  /** All but the group whose nodes were named. */
  async close(): Promise<void> {
    this.#closed = true
    this.#federation.stopTrying()
    await Promise.all(this.#all.filter((group) => group !== this.#first).map((group) => group.close()))
  }
}

/** Of tables that others may name, too. */
export function changesSchema({ facts }: StatementRecord): boolean {
  return facts.kind === 'ddl' && !facts.traces.includes('temp')
}
