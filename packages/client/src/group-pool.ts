import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { Consistency, GroupEvent } from '@pgherd/core/routing'
import { isParserReady } from '@pgherd/core/sql'
import type pg from 'pg'
import type { QueryInput } from './calls.js'
import { type Checkout, Checkouts } from './checkouts.js'
import { Dispatcher, releaseClean } from './dispatcher.js'
import { encodeValues } from './encode-values.js'
import { GroupNodes, type ToldGroup } from './group-nodes.js'
import { GroupWatch } from './group-watch.js'
import { NodeFinder } from './node-finder.js'
import { ANY_NATURE, type ClientWatch, type OwnedClient } from './owned-client.js'
import { type NodeListener, PoolNode } from './pool-node.js'
import type { Policy, Settings } from './pool-options.js'
import { isConnectionLoss } from './server-error.js'
import { Session } from './session.js'
import type { Answer, Statement } from './statement.js'
import type { StatementRecord } from './statement-book.js'
import { type Borrow, StatementKnowledge } from './statement-knowledge.js'
import { noticeListener } from './statement-trace.js'
import type { Statistics } from './statistics.js'
import type { Telemetry } from './telemetry.js'

/** Whom a group tells what happens to its connections. */
export interface GroupListener {
  /** Prepares a new connection; what it sends is part of every later user's session. */
  connected(client: pg.PoolClient): Promise<void>
  acquired(client: pg.PoolClient): void
  released(error: Error, client: pg.PoolClient): void
  removed(client: pg.PoolClient): void
  lost(error: Error, client: pg.PoolClient): void
  event(event: GroupEvent): void
}

/** What the groups of a pool share. */
export interface GroupContext {
  readonly settings: Settings
  readonly listener: GroupListener
  readonly statistics: Statistics
  readonly telemetry: Telemetry | null
}

/** One call of `query` that has been looked at. */
export interface Call {
  readonly config: Exclude<QueryInput, string>
  readonly text: string
  readonly values: unknown[] | undefined
  readonly policy: Policy | null
  /** Of the group that it goes to. */
  session: Session
  readonly startedAtMs: number
  readonly surroundings: Statement['surroundings']
  readonly resolve: (answer: Answer) => void
  reject: (error: Error) => void
}

export interface ClientNeed {
  readonly consistency: Consistency
  readonly session: Session
  readonly policy: Policy | null
  readonly signal: AbortSignal | null
  /** How long one that is not there is waited for; then it rejects with a TimeoutError. */
  readonly waitMs?: number
}

/** The nodes of one group, with the connections to them. */
export class GroupPool {
  readonly name: string
  readonly nodes: ReadonlyMap<string, PoolNode>
  readonly #groupNodes: GroupNodes
  readonly watch: GroupWatch
  readonly finder: NodeFinder
  readonly checkouts: Checkouts
  readonly #settings: Settings
  readonly #dispatcher: Dispatcher
  readonly knowledge: StatementKnowledge

  /** `knowledge`: of another group with the same tables; or what this one is. */
  constructor(
    name: string,
    { settings, listener, statistics, telemetry }: GroupContext,
    knowledge: StatementKnowledge | 'federation' | null = null,
  ) {
    this.name = name
    this.#settings = settings
    this.knowledge =
      knowledge instanceof StatementKnowledge
        ? knowledge
        : new StatementKnowledge(name, (work, role) => this.borrow(work, role), knowledge === 'federation')
    const { book } = this.knowledge
    const watch: ClientWatch = {
      natureOf: (text) => (book.ready && isParserReady() ? book.look(text).nature : ANY_NATURE),
    }
    const nodeListener: NodeListener = {
      connected: (client) => listener.connected(client as pg.PoolClient),
      acquired: (client) => listener.acquired(client as pg.PoolClient),
      released: (error, client) => listener.released(error as Error, client as pg.PoolClient),
      removed: (client) => listener.removed(client as pg.PoolClient),
      lost: (node, error, client) => {
        this.watch.look(node)
        if (client !== null) listener.lost(error, client as pg.PoolClient)
      },
    }
    this.#groupNodes = new GroupNodes(
      settings.addresses,
      (address) => new PoolNode(address, settings, watch, nodeListener),
      () => this.watch.nodesChanged(),
    )
    this.nodes = this.#groupNodes.byName
    this.watch = new GroupWatch(name, this.nodes, settings)
    this.watch.on('event', (event) => listener.event(event))
    this.finder = new NodeFinder(this.nodes, this.watch, settings)
    this.checkouts = new Checkouts(this.finder, this.watch, settings)
    this.#dispatcher = new Dispatcher(
      this.finder,
      this.checkouts,
      this.watch,
      settings,
      statistics,
      telemetry,
    )
  }

  /** Begins to watch its nodes; resolves when each has been asked. Rejects with CLUSTERS_MIXED. */
  start(): Promise<void> {
    this.watch.start()
    return this.finder.ensureOneCluster()
  }

  /** Nodes came or went. */
  learnNodes(groups: readonly ToldGroup[]): void {
    this.#groupNodes.learn(groups)
  }

  /** Callers that wait, for a connection or for a node. */
  get waitingCount(): number {
    return this.finder.waiting + this.sum((node) => node.waitingCount)
  }

  sum(count: (node: PoolNode) => number): number {
    let sum = 0
    for (const node of this.nodes.values()) sum += count(node)
    return sum
  }

  /** Runs a statement of which `record` is what is known here. */
  run(record: StatementRecord, call: Call): void {
    const { config, text, values, policy, session, startedAtMs, surroundings, resolve, reject } = call
    const { book, loader } = this.knowledge
    loader.touch(startedAtMs)
    const plan = book.plan(record, config.consistency ?? policy?.consistency ?? this.#settings.consistency)
    const statement: Statement = {
      config: {
        text,
        values: values === undefined ? undefined : encodeValues(values),
        rowMode: config.rowMode,
        types: config.types,
        binary: config.binary,
        name: config.name,
        query_timeout: config.query_timeout,
        noticed: noticeListener(config.trace),
        // Of several statements, or of nobody knows how many, only the simple protocol takes the text.
        ...(record.facts.statements !== 1 && values === undefined ? {} : { queryMode: 'extended' }),
      },
      record,
      plan,
      session,
      afterWrites: session.writes,
      startedAtMs,
      surroundings,
      deadlineMs: startedAtMs + (policy?.failoverWaitMs ?? this.#settings.failoverWaitMs),
      signal: config.signal ?? null,
      trace: config.trace ?? null,
      firstRows: config.firstRows ?? null,
      synchronousCommit: plan.repeatable ? null : (policy?.synchronousCommit ?? null),
      resolve: record.judgement.reads ? resolve : (answer) => this.#wrote(record.facts.kind, answer, resolve),
      reject: (error) => {
        if (isUnknownName(error)) loader.missed()
        reject(error)
      },
      settled: false,
      underWay: false,
      onPrimary: false,
      onOwn: false,
      guessed: false,
      sentTo: null,
      repeats: 0,
      cutOffs: 0,
      stopWaiting: null,
      onSettled: null,
    }
    if (record.judgement.why?.endsWith('is not known')) loader.missed()
    this.#dispatcher.submit(statement)
  }

  #wrote(kind: string, answer: Answer, resolve: (answer: Answer) => void): void {
    if (kind === 'read' || kind === 'write') {
      resolve(answer)
      return
    }
    // It may have changed what names mean: the next statement is judged by what is there then.
    this.knowledge.loader.loadAnew().then(
      () => resolve(answer),
      () => resolve(answer),
    )
  }

  /** A client for one caller; `release` gives it back. */
  async checkout({ policy, ...need }: ClientNeed): Promise<OwnedClient & pg.PoolClient> {
    const { session } = need
    const { client, release } = await this.checkouts.checkout({
      ...need,
      deadlineMs: this.deadlineMs(policy),
    })
    const commits = policy?.synchronousCommit !== 'off'
    client.onWrite = (flushed) => this.finder.stamper.wrote(session, flushed && commits)
    const owned = client as OwnedClient & pg.PoolClient
    owned.release = onceOnly(client, release)
    return owned
  }

  deadlineMs(policy: Policy | null): number {
    return performance.now() + (policy?.failoverWaitMs ?? this.#settings.failoverWaitMs)
  }

  /** A connection for reading catalogues: of the primary when it must see what was just changed. */
  readonly borrow: Borrow = async (work, role) => {
    const deadlineMs = this.deadlineMs(null)
    for (;;) {
      const node = await this.checkouts.nodeFor(role, NOBODY, deadlineMs)
      try {
        return await node.visit(work)
      } catch (error) {
        this.watch.look(node)
        if (performance.now() > deadlineMs || !isConnectionLoss(error as Error)) throw error
        await sleep(20)
      }
    }
  }

  async close(): Promise<void> {
    this.watch.close()
    this.finder.replay.close()
    await this.#groupNodes.close()
  }
}

/** Of those that read catalogues: they have written nothing. */
const NOBODY = new Session()

function onceOnly(client: OwnedClient, release: Checkout['release']): (error?: Error | boolean) => void {
  let done = false
  return (error) => {
    if (done)
      throw new HerdError(
        'CLIENT_RELEASED',
        'Release called on client which has already been released to the pool.',
      )
    done = true
    releaseClean(client, release, error)
  }
}

const UNKNOWN_NAMES: ReadonlySet<string> = new Set(['42P01', '42883', '42704'])

function isUnknownName(error: Error): boolean {
  return UNKNOWN_NAMES.has((error as { code?: string }).code ?? '')
}
