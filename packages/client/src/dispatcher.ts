import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError, type Lsn } from '@pgherd/core'
import {
  type Consistency,
  chooseNode,
  judgeFailure,
  lsnForStaleness,
  type NodeView,
  type Progress,
  whyMixed,
  whyNoPrimary,
} from '@pgherd/core/routing'
import { orAborted } from './abort.js'
import { cancelStatement } from './cancel-statement.js'
import type { GroupWatch } from './group-watch.js'
import type { LaneOutcome } from './lane.js'
import type { OwnedClient } from './owned-client.js'
import { makeQuery, type PgCallback } from './pg-internals.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'
import { PrefacedQuery } from './prefaced-query.js'
import { ReplayWatch } from './replay-watch.js'
import {
  isConnectionLoss,
  isFatal,
  isHarmless,
  isOfConnection,
  isPoolError,
  isReadTimeout,
  isRefusal,
  sqlStateOf,
} from './server-error.js'
import type { Session } from './session.js'
import type { Answer, Statement } from './statement.js'
import { noteSlow } from './statement-book.js'
import type { Statistics } from './statistics.js'
import type { Telemetry } from './telemetry.js'
import { setCommit } from './transaction.js'
import { WriteStamper } from './write-stamper.js'

const QUERY_CANCELED = '57014'
/** The server ends the session because somebody said so. */
const ADMIN_SHUTDOWN = '57P01'
/** A statement that is cut off so often may itself be what brings servers down. */
const MAX_CUT_OFFS = 5
const LONGEST_PAUSE_MS = 250
/** How long a session waits before it asks again how far its writes have come. */
const STAMP_PAUSE_MS = 10

export type Checkout = Awaited<ReturnType<PoolNode['own']>>

/** What is asked of a connection that a caller wants to itself. */
export interface ConnectionNeed {
  /** Of what is read on it; `primary` when anything is to be written. */
  readonly consistency: Consistency
  readonly session: Session
  readonly deadlineMs: number
  readonly signal: AbortSignal | null
}

/** Carries statements to the nodes their plans ask for, and again when that is safe (I3). */
export class Dispatcher {
  readonly #nodes: ReadonlyMap<string, PoolNode>
  readonly #watch: GroupWatch
  readonly #settings: Settings
  readonly #statistics: Statistics
  /** Whom ended statements are told to; null when nobody traces. */
  readonly #telemetry: Telemetry | null
  readonly #replay: ReplayWatch
  readonly stamper: WriteStamper
  readonly #load = (name: string): number => this.#nodes.get(name)?.laneLoad ?? 0
  readonly #closing = new AbortController()
  #turn = 0
  #waiting = 0

  constructor(
    nodes: ReadonlyMap<string, PoolNode>,
    watch: GroupWatch,
    settings: Settings,
    statistics: Statistics,
    telemetry: Telemetry | null,
  ) {
    this.#nodes = nodes
    this.#watch = watch
    this.#settings = settings
    this.#statistics = statistics
    this.#telemetry = telemetry
    this.stamper = new WriteStamper(
      () => this.primary,
      () => this.standbys.length > 0,
    )
    this.#replay = new ReplayWatch(
      () => this.standbys,
      (node, lsn) => watch.noteReplay(node.name, lsn),
    )
    setMaxListeners(0, this.#closing.signal)
  }

  /** Who waits for a connection hears `reason` now; statements go on. */
  close(reason: Error): void {
    this.#closing.abort(reason)
  }

  get primary(): PoolNode | null {
    const { primary } = this.#watch.view
    return primary === null ? null : (this.#nodes.get(primary) ?? null)
  }

  get standbys(): PoolNode[] {
    return Object.values(this.#watch.view.nodes)
      .filter((node) => node.state === 'in' && node.role === 'standby')
      .map((node) => this.#nodes.get(node.name) as PoolNode)
  }

  /** Statements that wait for a node. */
  get waiting(): number {
    return this.#waiting
  }

  /** Takes a statement on; from here its signal is heeded. */
  submit(statement: Statement): void {
    const { signal } = statement
    if (signal !== null) {
      const give = (): void => {
        // What a connection of its own has is cancelled there, and answered when the server has answered.
        if (!statement.underWay) this.#reject(statement, signal.reason as Error)
      }
      statement.onSettled = () => signal.removeEventListener('abort', give)
      if (signal.aborted) give()
      else signal.addEventListener('abort', give, { once: true })
    }
    this.run(statement)
  }

  run(statement: Statement): void {
    if (statement.settled) return
    const { plan, session } = statement
    const { view } = this.#watch
    let minLsn = 0
    if (plan.role === 'standby' && !statement.onPrimary) {
      if (plan.afterOwnWrites) {
        const lsn = session.lsnCovering(statement.afterWrites)
        if (lsn === null || !this.#someReplayed(lsn)) {
          if (this.#guess(statement)) return
          if (lsn === null && this.standbys.length > 0) {
            this.#awaitStamp(statement)
            return
          }
        }
        minLsn = lsn ?? 0
      } else if (plan.maxStalenessMs !== null) {
        minLsn = lsnForStaleness(view, plan.maxStalenessMs, performance.now()) ?? Number.POSITIVE_INFINITY
      }
    }
    const role = statement.onPrimary ? 'primary' : plan.role
    const choice = chooseNode(view, { role, minLsn }, this.#load, this.#turn++)
    if (choice.kind === 'node')
      this.#runOn(statement, this.#nodes.get(choice.node) as PoolNode, choice.role, minLsn)
    else if (choice.kind === 'behind') this.#awaitReplay(statement, minLsn)
    else this.#awaitNode(statement, choice.why)
  }

  #someReplayed(lsn: Lsn): boolean {
    if (lsn === 0) return true
    const nodes = Object.values(this.#watch.view.nodes)
    return nodes.some((node) => node.state === 'in' && node.role === 'standby' && node.lsn >= lsn)
  }

  /**
   * Replay is usually done by the time a read arrives, so the read is sent to a standby together with the
   * question how far that is, and its answer held until both are known. False when that is not for it.
   */
  #guess(statement: Statement): boolean {
    if (statement.guessed || !this.#mayUseLane(statement)) return false
    const { view } = this.#watch
    const choice = chooseNode(view, { role: 'standby', minLsn: 0 }, this.#load, this.#turn)
    if (choice.kind !== 'node' || choice.role !== 'standby') return false
    if ((view.nodes[choice.node]?.lagMs ?? 0) > this.#settings.replayWaitMs) return false
    this.#turn++
    statement.guessed = true
    const node = this.#nodes.get(choice.node) as PoolNode
    const lane = node.lane()
    const replayed = lane.askReplayed()
    this.#sending(statement, node, 'standby', 'lane')
    lane.run(statement.config, statement.record.uses++ > 0, (outcome) => {
      if (outcome.kind !== 'done') this.#laneFailed(statement, node, 'standby', outcome)
      else {
        if (replayed.lsn !== null) this.#watch.noteReplay(node.name, replayed.lsn)
        this.#holdAgainst(statement, replayed.lsn ?? -1, outcome.result)
      }
    })
    return true
  }

  /** The answer of a standby counts if it had replayed what the session had written before it asked. */
  #holdAgainst(statement: Statement, replayedLsn: Lsn, answer: Answer): void {
    const { session, afterWrites } = statement
    const lsn = session.lsnCovering(afterWrites)
    if (lsn !== null) {
      if (replayedLsn >= lsn) this.#resolve(statement, answer)
      else this.run(statement)
      return
    }
    this.stamper.whenStamped(session, () => {
      if (session.lsnCovering(afterWrites) !== null) this.#holdAgainst(statement, replayedLsn, answer)
      else {
        statement.onPrimary = true
        this.run(statement)
      }
    })
  }

  #awaitStamp(statement: Statement): void {
    this.stamper.whenStamped(statement.session, () => {
      if (statement.session.lsnCovering(statement.afterWrites) === null) statement.onPrimary = true
      this.run(statement)
    })
  }

  #awaitReplay(statement: Statement, lsn: number): void {
    if (lsn === Number.POSITIVE_INFINITY || this.#settings.replayWaitMs === 0) {
      statement.onPrimary = true
      this.run(statement)
      return
    }
    this.#statistics.replayWaits++
    this.#replay.wait(lsn, this.#settings.replayWaitMs, (node) => {
      if (statement.settled) return
      if (node === null) statement.onPrimary = true
      this.run(statement)
    })
  }

  #awaitNode(statement: Statement, why: string): void {
    const leftMs = statement.deadlineMs - performance.now()
    const hopeless = this.#whyHopeless()
    if (leftMs <= 0 || hopeless !== null) {
      this.#reject(statement, hopeless ?? this.#noPrimary(why))
      return
    }
    if (this.waitingAll >= this.#settings.maxWaiting) {
      this.#reject(statement, this.#queueFull())
      return
    }
    const stop = this.#awaitChange(leftMs, () => {
      statement.stopWaiting = null
      this.run(statement)
    })
    statement.stopWaiting = stop
  }

  /** Calls `wake` once, at the next change of any node or when `leftMs` have passed; what it returns takes that back. */
  #awaitChange(leftMs: number, wake: () => void): () => void {
    this.#waiting++
    const stop = (): void => {
      clearTimeout(timer)
      cancel()
      this.#waiting--
    }
    const woken = (): void => {
      stop()
      wake()
    }
    const timer = setTimeout(woken, leftMs)
    const cancel = this.#watch.waitForChange(woken)
    return stop
  }

  /** Callers that wait for a node or for a connection. */
  get waitingAll(): number {
    let waiting = this.#waiting
    for (const node of this.#nodes.values()) waiting += Math.max(0, node.waitingCount - node.idleCount)
    return waiting
  }

  #queueFull(): HerdError {
    return new HerdError(
      'QUEUE_FULL',
      `${this.waitingAll} callers wait already, and \`maxWaiting\` is ${this.#settings.maxWaiting}.`,
      {
        hint: 'Raise `maxWaiting`, or send less until the herd has caught up.',
      },
    )
  }

  #noPrimary(why: string): HerdError {
    return new HerdError('NO_PRIMARY', why, {
      hint: 'It is retried by itself for `failoverWaitMs`; after that, look at the nodes named here.',
    })
  }

  /** What no waiting will mend: nodes that refuse us, or that were never there. */
  #whyHopeless(): Error | null {
    const nodes = [...this.#nodes.values()]
    const { view } = this.#watch
    if (!this.#watch.seen || Object.values(view.nodes).some((node) => node.state === 'in')) return null
    const refusal = nodes
      .map((node) => node.probe.lastError)
      .find((error) => error !== null && isRefusal(error))
    if (refusal !== undefined && refusal !== null) return refusal
    if (view.timeline > 0) return null
    return new HerdError(
      'NODES_UNREACHABLE',
      whyNoPrimary(view).replace('No primary is known', 'No node can be reached'),
      {
        hint: 'Check the addresses in `nodes` and that the servers run.',
      },
    )
  }

  /** Throws CLUSTERS_MIXED, once every node has been asked. */
  async ensureOneCluster(): Promise<void> {
    await this.#watch.whenSeen()
    this.#checkOneCluster()
  }

  #checkOneCluster(): void {
    const mixed = whyMixed(this.#watch.view)
    if (mixed !== null)
      throw new HerdError('CLUSTERS_MIXED', mixed, { hint: 'Name the nodes of one cluster.' })
  }

  /** A connection for one caller, of a node that suits; rejects as a statement would. */
  async checkout(need: ConnectionNeed): Promise<Checkout> {
    const { deadlineMs } = need
    const signal =
      need.signal === null ? this.#closing.signal : AbortSignal.any([need.signal, this.#closing.signal])
    if (!this.#watch.seen) await orAborted(this.#watch.whenSeen(), signal)
    this.#checkOneCluster()
    for (let tries = 1; ; tries++) {
      const { node, role, minLsn } = await this.#nodeFor({ ...need, signal })
      if (this.waitingAll > 0 && this.waitingAll >= this.#settings.maxWaiting) throw this.#queueFull()
      try {
        // Listening to a signal costs more than all the rest; a connection that is there is given at once.
        const taken = node.idleCount > 0 ? await node.own(role) : await takeFrom(node, role, signal)
        if (this.#suits(taken.client, node, role, minLsn)) return taken
        taken.release()
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (performance.now() > deadlineMs || !isConnectionLoss(error as Error)) throw error
      }
      // It may have gone, or changed its role, between the choice and the connection.
      this.#watch.look(node)
      if (performance.now() > deadlineMs) throw this.#noPrimary(whyNoPrimary(this.#watch.view))
      await orAborted(pause(tries), signal)
    }
  }

  /** A node for reading what is no caller's, the primary when it must be up to date. */
  async nodeFor(role: 'primary' | 'standby', session: Session, deadlineMs: number): Promise<PoolNode> {
    const consistency = role === 'primary' ? role : 'eventual'
    return (await this.#nodeFor({ consistency, session, deadlineMs, signal: null })).node
  }

  async #nodeFor(
    need: ConnectionNeed,
  ): Promise<{ node: PoolNode; role: 'primary' | 'standby'; minLsn: Lsn }> {
    const { consistency, session, deadlineMs, signal } = need
    let role: 'primary' | 'standby' = consistency === 'primary' ? 'primary' : 'standby'
    let minLsn = consistency === 'session' ? await this.positionOf(session, deadlineMs, signal) : 0
    for (;;) {
      signal?.throwIfAborted()
      if (typeof consistency === 'object' && role === 'standby')
        minLsn =
          lsnForStaleness(this.#watch.view, consistency.bounded.maxStalenessMs, performance.now()) ??
          Number.POSITIVE_INFINITY
      const choice = chooseNode(this.#watch.view, { role, minLsn }, this.#load, this.#turn++)
      if (choice.kind === 'node')
        return { node: this.#nodes.get(choice.node) as PoolNode, role: choice.role, minLsn }
      if (choice.kind === 'behind') {
        const waited =
          minLsn !== Number.POSITIVE_INFINITY &&
          (await new Promise((resolve) => this.#replay.wait(minLsn, this.#settings.replayWaitMs, resolve)))
        if (!waited) role = 'primary'
        continue
      }
      const leftMs = deadlineMs - performance.now()
      const hopeless = this.#whyHopeless()
      if (hopeless !== null) throw hopeless
      if (leftMs <= 0) throw this.#noPrimary(choice.why)
      if (this.waitingAll >= this.#settings.maxWaiting) throw this.#queueFull()
      let stop = (): void => {}
      const change = new Promise<void>((resolve) => {
        stop = this.#awaitChange(leftMs, () => {
          stop = () => {}
          resolve()
        })
      })
      await orAborted(change, signal).finally(() => stop())
    }
  }

  /** What a standby must have replayed to show every write of a session. */
  async positionOf(session: Session, deadlineMs: number, signal: AbortSignal | null): Promise<Lsn> {
    while (!session.stamped) {
      await orAborted(new Promise<void>((resolve) => this.stamper.whenStamped(session, resolve)), signal)
      if (session.stamped) break
      if (performance.now() > deadlineMs) throw this.#noPrimary(whyNoPrimary(this.#watch.view))
      await orAborted(sleep(STAMP_PAUSE_MS), signal)
    }
    return session.lsn
  }

  /** Whether a connection, now that it is there, still is what was asked for. */
  #suits({ isStandby }: OwnedClient, node: PoolNode, role: 'primary' | 'standby', minLsn: Lsn): boolean {
    if (role === 'primary') return !isStandby
    const { state, lsn } = this.#watch.view.nodes[node.name] as NodeView
    return minLsn === 0 || (state === 'in' && lsn >= minLsn)
  }

  #mayUseLane({ plan, record, onOwn }: Statement): boolean {
    return (
      plan.connection === 'lane' &&
      !onOwn &&
      this.#settings.lanes.max > 0 &&
      performance.now() >= record.pace.slowUntilMs
    )
  }

  #runOn(statement: Statement, node: PoolNode, role: 'primary' | 'standby', minLsn: Lsn): void {
    const lane = this.#mayUseLane(statement)
    this.#sending(statement, node, role, lane ? 'lane' : 'own')
    if (lane) this.#runOnLane(statement, node, role)
    else void this.#runOnOwn(statement, node, role, minLsn)
  }

  #sending(
    statement: Statement,
    { name: node }: PoolNode,
    role: 'primary' | 'standby',
    connection: 'lane' | 'own',
  ): void {
    statement.sentTo = { node, role, connection }
    this.#statistics.count(role, connection === 'lane')
  }

  #runOnLane(statement: Statement, node: PoolNode, role: 'primary' | 'standby'): void {
    const { record } = statement
    const lane = node.lane()
    lane.run(statement.config, record.uses++ > 0, (outcome) => {
      if (outcome.kind !== 'done') this.#laneFailed(statement, node, role, outcome)
      else if (role === 'primary' && lane.isStandby)
        this.#failed(statement, node, role, 'unsent', noPrimaryAnyMore(node))
      else this.#resolve(statement, outcome.result)
    })
  }

  #laneFailed(
    statement: Statement,
    node: PoolNode,
    role: 'primary' | 'standby',
    { kind, error }: Exclude<LaneOutcome, { kind: 'done' }>,
  ): void {
    const state = sqlStateOf(error)
    if (kind === 'refused' && (state === QUERY_CANCELED || LANE_ONLY.has(state ?? ''))) {
      if (state === QUERY_CANCELED) {
        noteSlow(statement.record.pace, performance.now())
        this.#statistics.lanePatienceEnded++
      }
      // Whoever cancelled it, on a connection of its own it is answered as it would have been there.
      statement.onOwn = true
      this.#again(statement, kind, error)
      return
    }
    if (kind === 'unsent' && isRefusal(error)) {
      this.#reject(statement, error)
      return
    }
    this.#failed(statement, node, role, kind, error)
  }

  async #runOnOwn(
    statement: Statement,
    node: PoolNode,
    role: 'primary' | 'standby',
    minLsn: Lsn,
  ): Promise<void> {
    if (this.waitingAll > 0 && this.waitingAll >= this.#settings.maxWaiting) {
      this.#reject(statement, this.#queueFull())
      return
    }
    let taken: Checkout
    try {
      taken = await node.own(role)
    } catch (error) {
      if (isRefusal(error as Error) || isPoolError(error as Error)) this.#reject(statement, error as Error)
      else this.#failed(statement, node, role, 'unsent', error as Error)
      return
    }
    if (statement.settled) taken.release()
    else if (this.#suits(taken.client, node, role, minLsn)) this.#runWith(statement, node, role, taken)
    else {
      taken.release()
      this.#failed(statement, node, role, 'unsent', noPrimaryAnyMore(node))
    }
  }

  /** Runs a statement on a connection that it has to itself, and gives that back. */
  #runWith(
    statement: Statement,
    node: PoolNode,
    role: 'primary' | 'standby',
    { client, release }: Checkout,
  ): void {
    const { plan, session, signal, config, synchronousCommit } = statement
    statement.underWay = true
    client.onWrite = (flushed) => this.stamper.wrote(session, flushed && synchronousCommit !== 'off')
    if (plan.repeatable) client.use = 'repeatable'
    let cancelled: Promise<boolean> | null = null
    const cancel = (): void => {
      cancelled = cancelStatement(client)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    const giveBack = async (error: Error | null): Promise<void> => {
      // A cancellation on its way would strike whoever has the connection next.
      if (cancelled !== null && !(await cancelled)) release(true)
      else releaseClean(client, release, error !== null && !isHarmless(error) ? error : undefined)
    }
    let ended = false
    const done: PgCallback = (error, answer) => {
      if (ended) return
      ended = true
      client.removeListener('error', onError)
      signal?.removeEventListener('abort', cancel)
      statement.underWay = false
      // What failed may have written before it did: several statements, or a procedure that commits.
      if (!plan.repeatable && error !== null) this.stamper.wrote(session, false)
      if (client.unreplicated)
        this.#unknown(statement, unreplicated(), 'the wait for a standby was cancelled')
      else if (error === null) this.#resolve(statement, answer)
      else if (signal?.aborted && sqlStateOf(error) === QUERY_CANCELED)
        this.#reject(statement, signal.reason as Error)
      else this.#failed(statement, node, role, progressOf(error, statement, client), error)
      void giveBack(error)
    }
    const onError = (error: Error): void => done(error, [])
    if (client.dead) {
      statement.underWay = false
      signal?.removeEventListener('abort', cancel)
      release(true)
      this.#failed(statement, node, role, 'unsent', new Error('Connection terminated unexpectedly'))
      return
    }
    client.once('error', onError)
    try {
      if (synchronousCommit === null) client.query(makeQuery(config, done))
      else if (isPlainWrite(statement)) {
        const unnamed = { ...config, name: undefined }
        client.query(new PrefacedQuery([setCommit(synchronousCommit)], unnamed, undefined, done))
      } else {
        // Of what cannot run inside a transaction the setting is taken back when the client is cleaned.
        client.query(`SET SESSION synchronous_commit TO ${synchronousCommit}`).catch(() => {})
        client.query(makeQuery(config, done))
      }
    } catch (error) {
      done(error as Error, [])
    }
  }

  /** After a failure: again, unknown, or the error itself. */
  #failed(
    statement: Statement,
    node: PoolNode,
    role: 'primary' | 'standby',
    progress: Progress,
    error: Error,
  ): void {
    const state = sqlStateOf(error)
    if (progress !== 'refused') this.#watch.look(node)
    if (progress === 'refused' && role === 'primary' && state === '25006') {
      // It may be no primary any more: the answer depends on what it is now.
      void this.#watch.lookAt(node).then(() => {
        const now = this.#watch.view.primary === node.name ? 'primary' : 'standby'
        this.#settle(
          statement,
          judgeFailure({ progress, sqlState: state, role: now }, statement.plan.repeatable),
          progress,
          error,
        )
      })
      return
    }
    const verdict = judgeFailure({ progress, sqlState: state, role }, statement.plan.repeatable)
    if (verdict === 'repeat' && progress === 'refused' && role === 'standby') statement.onPrimary = true
    this.#settle(statement, verdict, progress, error)
  }

  #settle(
    statement: Statement,
    verdict: ReturnType<typeof judgeFailure>,
    progress: Progress,
    error: Error,
  ): void {
    if (verdict === 'tell') this.#reject(statement, error)
    else if (verdict === 'unknown') this.#unknown(statement, error, 'the connection ended')
    else this.#again(statement, progress, error)
  }

  #unknown(statement: Statement, cause: Error, what: string): void {
    this.#statistics.unknown++
    // I4: whoever looks whether it took effect must see it if it did.
    this.stamper.wrote(statement.session, false)
    const command = statement.record.facts.command || 'statement'
    this.#reject(
      statement,
      new HerdError(
        'OUTCOME_UNKNOWN',
        `While ${command} was under way ${what} (${cause.message}); it may or may not have taken effect.`,
        { hint: 'Look whether it did before you send it again.', cause },
      ),
    )
  }

  #again(statement: Statement, progress: Progress, error: Error): void {
    const { signal } = statement
    const nowMs = performance.now()
    if (signal?.aborted) {
      this.#reject(statement, signal.reason as Error)
      return
    }
    this.#statistics.repeats++
    statement.repeats++
    if (progress === 'cut-off' || progress === 'rolled-back') {
      // It had been running, for however long: its time to wait begins now.
      statement.deadlineMs = Math.max(statement.deadlineMs, nowMs + this.#settings.failoverWaitMs)
      // Those that shared its connection part from it, in case it was the cause.
      statement.onOwn = true
      if (++statement.cutOffs > MAX_CUT_OFFS) {
        this.#reject(statement, error)
        return
      }
    } else if (nowMs > statement.deadlineMs) {
      this.#reject(statement, error)
      return
    }
    // A node that fails at once must not be asked in a circle before its probe has been heard.
    if (statement.repeats <= 2) this.run(statement)
    else void pause(statement.repeats - 2).then(() => this.run(statement))
  }

  #resolve(statement: Statement, answer: Answer): void {
    if (statement.settled) return
    this.#settled(statement, null)
    statement.resolve(answer)
  }

  #reject(statement: Statement, error: Error): void {
    if (statement.settled) return
    this.#settled(statement, error)
    statement.stopWaiting?.()
    statement.reject(error)
  }

  #settled(statement: Statement, error: Error | null): void {
    statement.settled = true
    statement.onSettled?.()
    const { sentTo, startedAtMs } = statement
    if (error !== null) this.#statistics.errors++
    if (sentTo !== null) this.#statistics.observe(sentTo.role, performance.now() - startedAtMs)
    this.#telemetry?.record(statement, error)
  }
}

/** Errors of a lane's own making, which a connection of one's own does not have: prepared plans and names. */
const LANE_ONLY: ReadonlySet<string> = new Set(['26000', '42P05', '0A000'])

/** Gives a client back, cleaned of what its user left in it. */
export function releaseClean(
  client: OwnedClient,
  release: (error?: Error | boolean) => void,
  error: Error | boolean | undefined,
): void {
  client.putDown()
  if (error) release(error)
  else if (!client.answering && client.clean) release()
  else
    cleanUp(client).then(
      () => release(),
      (reason: Error) => release(reason),
    )
}

async function cleanUp(client: OwnedClient): Promise<void> {
  if (client.answering && !(await client.whenAnswered())) throw new Error('A cursor or COPY was left open.')
  client.onWrite = null
  if (!client.clean) await client.cleanse()
}

/** I3: how far a statement had come on a connection of its own. */
function progressOf(error: Error, statement: Statement, { begun }: OwnedClient): Progress {
  if (isHarmless(error) || !isOfConnection(error)) return 'refused'
  if (isReadTimeout(error)) return statement.plan.repeatable ? 'refused' : 'cut-off'
  // The simple protocol does not tell when the server begins.
  if (!isFatal(error) || statement.config.queryMode !== 'extended') return 'cut-off'
  // The server answers in order, so it would have said before that it has taken the statement up.
  if (!begun) return 'unsent'
  // It ends a session by order only where it can still roll back, or else without a word.
  return sqlStateOf(error) === ADMIN_SHUTDOWN && isPlain(statement) ? 'rolled-back' : 'cut-off'
}

/** One statement that is one transaction, and commits nothing half-way. */
function isPlain({ config, record }: Statement): boolean {
  const { kind, statements } = record.facts
  return config.queryMode === 'extended' && statements === 1 && (kind === 'read' || kind === 'write')
}

function isPlainWrite(statement: Statement): boolean {
  return isPlain(statement) && !statement.plan.repeatable
}

function noPrimaryAnyMore(node: PoolNode): Error {
  return new Error(`Connection terminated: ${node.name} is not what it was when it was chosen.`)
}

function unreplicated(): Error {
  return new Error('it was committed on the primary and may not be on a standby')
}

/** A client, or the signal's reason; a client that comes too late goes back. */
function takeFrom(node: PoolNode, role: 'primary' | 'standby', signal: AbortSignal): Promise<Checkout> {
  const taking = node.own(role)
  const taken = orAborted(taking, signal)
  taken.catch(() => {
    taking.then(
      ({ release }) => release(),
      () => {},
    )
  })
  return taken
}

function pause(times: number): Promise<void> {
  return sleep(Math.min(LONGEST_PAUSE_MS, 5 * 2 ** times))
}
