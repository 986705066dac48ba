import { HerdError, type Lsn } from '@pgherd/core'
import { chooseNode, judgeFailure, lsnForStaleness, type Progress, whyNoPrimary } from '@pgherd/core/routing'
import type pg from 'pg'
import { cancelStatement } from './cancel-statement.js'
import type { GroupWatch } from './group-watch.js'
import type { LaneOutcome } from './lane.js'
import type { OwnedClient } from './owned-client.js'
import { makeQuery, type PgCallback } from './pg-internals.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'
import { ReplayWatch } from './replay-watch.js'
import type { Answer, Statement } from './statement.js'
import { noteSlow } from './statement-book.js'
import type { Statistics } from './statistics.js'
import { WriteStamper } from './write-stamper.js'

const QUERY_CANCELED = '57014'
const MAX_REPEATS = 20

/** Carries statements to the nodes their plans ask for, and again when that is safe (I3). */
export class Dispatcher {
  readonly #nodes: ReadonlyMap<string, PoolNode>
  readonly #watch: GroupWatch
  readonly #settings: Settings
  readonly #statistics: Statistics
  readonly #replay: ReplayWatch
  readonly stamper: WriteStamper
  readonly #load = (name: string): number => this.#nodes.get(name)?.laneLoad ?? 0
  #turn = 0
  #waiting = 0

  constructor(
    nodes: ReadonlyMap<string, PoolNode>,
    watch: GroupWatch,
    settings: Settings,
    statistics: Statistics,
  ) {
    this.#nodes = nodes
    this.#watch = watch
    this.#settings = settings
    this.#statistics = statistics
    this.stamper = new WriteStamper(
      () => this.primary,
      () => this.standbys.length > 0,
    )
    this.#replay = new ReplayWatch(
      () => this.standbys,
      (node, lsn) => watch.noteReplay(node.name, lsn),
    )
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

  run(statement: Statement): void {
    if (statement.settled) return
    const { plan, session } = statement
    const { view } = this.#watch
    let minLsn = 0
    if (plan.role === 'standby' && !statement.onPrimary) {
      if (plan.afterOwnWrites) {
        const { writes } = session
        const lsn = session.lsnCovering(writes)
        if (lsn === null || !this.#someReplayed(lsn)) {
          if (this.#guess(statement, writes)) return
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
    if (choice.kind === 'node') this.#runOn(statement, this.#nodes.get(choice.node) as PoolNode, choice.role)
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
  #guess(statement: Statement, writes: number): boolean {
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
    this.#statistics.count('standby', true)
    lane.run(statement.config, statement.record.uses++ > 0, (outcome) => {
      if (outcome.kind !== 'done') this.#laneFailed(statement, node, 'standby', outcome)
      else {
        if (replayed.lsn !== null) this.#watch.noteReplay(node.name, replayed.lsn)
        this.#holdAgainst(statement, writes, replayed.lsn ?? -1, outcome.result)
      }
    })
    return true
  }

  /** The answer of a standby counts if it had replayed the session's first `writes` writes. */
  #holdAgainst(statement: Statement, writes: number, replayedLsn: Lsn, answer: Answer): void {
    const { session } = statement
    const lsn = session.lsnCovering(writes)
    if (lsn !== null) {
      if (replayedLsn >= lsn) this.#resolve(statement, answer)
      else this.run(statement)
      return
    }
    this.stamper.whenStamped(session, () => {
      if (session.lsnCovering(writes) !== null) this.#holdAgainst(statement, writes, replayedLsn, answer)
      else {
        statement.onPrimary = true
        this.run(statement)
      }
    })
  }

  #awaitStamp(statement: Statement): void {
    this.stamper.whenStamped(statement.session, () => {
      if (!statement.session.stamped) statement.onPrimary = true
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
      if (node !== null) this.#runOn(statement, node, 'standby')
      else {
        statement.onPrimary = true
        this.run(statement)
      }
    })
  }

  #awaitNode(statement: Statement, why: string): void {
    const leftMs = statement.deadlineMs - performance.now()
    const hopeless = this.#whyHopeless()
    if (leftMs <= 0 || hopeless !== null) {
      this.#reject(statement, hopeless ?? this.#noPrimary(why))
      return
    }
    if (this.#waiting >= this.#settings.maxWaiting) {
      this.#reject(
        statement,
        new HerdError('QUEUE_FULL', `${this.#waiting} statements wait already, which is the limit.`, {
          hint: 'Raise `maxWaiting`, or send less until the herd takes writes again.',
        }),
      )
      return
    }
    this.#waiting++
    const wake = (): void => {
      clearTimeout(timer)
      cancel()
      this.#waiting--
      this.run(statement)
    }
    const timer = setTimeout(wake, leftMs)
    const cancel = this.#watch.waitForChange(wake)
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

  /** Waits until there is a node for work of this kind; rejects as a statement would. */
  async nodeFor(
    role: 'primary' | 'standby',
    minLsn: number,
    deadlineMs: number,
    signal: AbortSignal | null,
  ): Promise<PoolNode> {
    for (;;) {
      signal?.throwIfAborted()
      const choice = chooseNode(this.#watch.view, { role, minLsn }, this.#load, this.#turn++)
      if (choice.kind === 'node') return this.#nodes.get(choice.node) as PoolNode
      if (choice.kind === 'behind') {
        const node = await new Promise<PoolNode | null>((resolve) => {
          this.#replay.wait(minLsn, this.#settings.replayWaitMs, resolve)
        })
        if (node !== null) return node
        return this.nodeFor('primary', 0, deadlineMs, signal)
      }
      const leftMs = deadlineMs - performance.now()
      const hopeless = this.#whyHopeless()
      if (hopeless !== null) throw hopeless
      if (leftMs <= 0) throw this.#noPrimary(choice.why)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer)
          cancel()
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, leftMs)
        const cancel = this.#watch.waitForChange(wake)
        signal?.addEventListener('abort', wake, { once: true })
      })
    }
  }

  #mayUseLane({ plan, record, onOwn }: Statement): boolean {
    return (
      plan.connection === 'lane' &&
      !onOwn &&
      this.#settings.lanes.max > 0 &&
      performance.now() >= record.pace.slowUntilMs
    )
  }

  #runOn(statement: Statement, node: PoolNode, role: 'primary' | 'standby'): void {
    const lane = this.#mayUseLane(statement)
    this.#statistics.count(role, lane)
    if (lane) this.#runOnLane(statement, node, role)
    else void this.#runOnOwn(statement, node, role)
  }

  #runOnLane(statement: Statement, node: PoolNode, role: 'primary' | 'standby'): void {
    const { record } = statement
    node.lane().run(statement.config, record.uses++ > 0, (outcome) => {
      if (outcome.kind === 'done') this.#resolve(statement, outcome.result)
      else this.#laneFailed(statement, node, role, outcome)
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
      this.#again(statement, error)
      return
    }
    if (kind === 'unsent' && isRefusal(error)) {
      this.#reject(statement, error)
      return
    }
    this.#failed(statement, node, role, kind, error)
  }

  async #runOnOwn(statement: Statement, node: PoolNode, role: 'primary' | 'standby'): Promise<void> {
    let checkout: Awaited<ReturnType<PoolNode['own']>>
    try {
      checkout = await node.own()
    } catch (error) {
      if (isRefusal(error as Error) || isPoolError(error as Error)) this.#reject(statement, error as Error)
      else this.#failed(statement, node, role, 'unsent', error as Error)
      return
    }
    const { client, release } = checkout
    if (statement.settled) {
      release()
      return
    }
    statement.underWay = true
    client.onWrite = () => this.stamper.wrote(statement.session)
    const giveBack = (error: Error | null): void => {
      client.onWrite = null
      releaseClean(client, release, error !== null && !isHarmless(error) ? error : undefined)
    }
    const onAbort = (): void => cancelStatement(client)
    statement.signal?.addEventListener('abort', onAbort, { once: true })
    let ended = false
    const done: PgCallback = (error, answer) => {
      if (ended) return
      ended = true
      client.removeListener('error', onError)
      statement.signal?.removeEventListener('abort', onAbort)
      const begun = client.begun
      statement.underWay = false
      giveBack(error)
      if (error === null) this.#resolve(statement, answer)
      else if (statement.signal?.aborted && sqlStateOf(error) === QUERY_CANCELED)
        this.#reject(statement, statement.signal.reason as Error)
      else if (statement.plan.repeatable && isGivenUp(error)) this.#reject(statement, error)
      else this.#failed(statement, node, role, progressOf(error, begun), error)
    }
    const onError = (error: Error): void => done(error, [])
    client.once('error', onError)
    try {
      if (statement.synchronousCommit !== null)
        await client.query(`SET SESSION synchronous_commit TO ${statement.synchronousCommit}`)
      client.query(makeQuery(statement.config, done))
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
          error,
        )
      })
      return
    }
    const verdict = judgeFailure({ progress, sqlState: state, role }, statement.plan.repeatable)
    if (verdict === 'repeat' && progress === 'refused' && role === 'standby') statement.onPrimary = true
    this.#settle(statement, verdict, error)
  }

  #settle(statement: Statement, verdict: ReturnType<typeof judgeFailure>, error: Error): void {
    if (verdict === 'tell') this.#reject(statement, error)
    else if (verdict === 'unknown') {
      this.#statistics.unknown++
      this.#reject(
        statement,
        new HerdError(
          'OUTCOME_UNKNOWN',
          `The connection ended while a ${statement.record.facts.command || 'statement'} was under way (${error.message}); it may or may not have taken effect.`,
          {
            hint: 'Look whether it did before you send it again.',
            cause: error,
          },
        ),
      )
    } else this.#again(statement, error)
  }

  #again(statement: Statement, error: Error): void {
    this.#statistics.repeats++
    if (
      ++statement.repeats > MAX_REPEATS ||
      performance.now() > statement.deadlineMs + this.#settings.failoverWaitMs
    ) {
      this.#reject(statement, error)
      return
    }
    // A node that fails at once must not be asked in a circle before its probe has been heard.
    if (statement.repeats <= 2) this.run(statement)
    else setTimeout(() => this.run(statement), Math.min(250, 10 * 2 ** statement.repeats))
  }

  #resolve(statement: Statement, answer: Answer): void {
    if (statement.settled) return
    statement.settled = true
    statement.resolve(answer)
  }

  #reject(statement: Statement, error: Error): void {
    if (statement.settled) return
    statement.settled = true
    statement.reject(error)
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

export function sqlStateOf(error: Error): string | null {
  return 'severity' in error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** An answer of the server that leaves the session as good as before. */
function isHarmless(error: Error): boolean {
  return sqlStateOf(error) !== null && (error as pg.DatabaseError).severity === 'ERROR'
}

/** The caller's own limit, `query_timeout`, has passed: that is no fault of the node. */
function isGivenUp(error: Error): boolean {
  return error.message === 'Query read timeout'
}

/** Before the server began to answer nothing of the statement had been taken up: the session just ended. */
function progressOf(error: Error, begun: boolean): Progress {
  if (isHarmless(error)) return 'refused'
  if (!isOfConnection(error)) return 'refused'
  return sqlStateOf(error) !== null && !begun ? 'unsent' : 'cut-off'
}

/** Not a mistake of the caller's that `pg` found before it sent anything. */
function isOfConnection(error: Error): boolean {
  if (sqlStateOf(error) !== null) return true
  return 'code' in error || /connection|timeout|queryable/i.test(error.message)
}

/** Refusals that will not go away by waiting: password, role, database, TLS. */
function isRefusal(error: Error): boolean {
  const state = sqlStateOf(error)
  if (state !== null) return state.startsWith('28') || state === '3D000'
  return /SSL|SASL|SCRAM|certificate/i.test(error.message)
}

/** `pg.Pool` says in words only that its queue was too long or that it is ending. */
function isPoolError(error: Error): boolean {
  return /timeout exceeded when trying to connect|after calling end/.test(error.message)
}
