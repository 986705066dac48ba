import { HerdError, type Lsn } from '@pgherd/core'
import { judgeFailure, lsnForStaleness, type Progress } from '@pgherd/core/routing'
import { cancelStatement } from './cancel-statement.js'
import { type Checkout, type Checkouts, pause } from './checkouts.js'
import { FirstRowsQuery } from './first-rows-query.js'
import type { GroupWatch } from './group-watch.js'
import type { LaneOutcome } from './lane.js'
import type { NodeFinder } from './node-finder.js'
import type { OwnedClient } from './owned-client.js'
import { makeQuery, type PgCallback, type PgQuery } from './pg-internals.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'
import { PrefacedQuery } from './prefaced-query.js'
import {
  isFatal,
  isHarmless,
  isOfConnection,
  isPoolError,
  isReadTimeout,
  isRefusal,
  sqlStateOf,
} from './server-error.js'
import type { Answer, Statement } from './statement.js'
import type { Statistics } from './statistics.js'
import type { Telemetry } from './telemetry.js'
import { setCommit } from './transaction.js'

const QUERY_CANCELED = '57014'
/** The server ends the session because somebody said so. */
const ADMIN_SHUTDOWN = '57P01'
/** A statement that is cut off so often may itself be what brings servers down. */
const MAX_CUT_OFFS = 5

/** Carries statements to the nodes their plans ask for, and again when that is safe (I3). */
export class Dispatcher {
  readonly #finder: NodeFinder
  readonly #checkouts: Checkouts
  readonly #watch: GroupWatch
  readonly #settings: Settings
  readonly #statistics: Statistics
  /** Whom ended statements are told to; null when nobody traces. */
  readonly #telemetry: Telemetry | null

  constructor(
    finder: NodeFinder,
    checkouts: Checkouts,
    watch: GroupWatch,
    settings: Settings,
    statistics: Statistics,
    telemetry: Telemetry | null,
  ) {
    this.#finder = finder
    this.#checkouts = checkouts
    this.#watch = watch
    this.#settings = settings
    this.#statistics = statistics
    this.#telemetry = telemetry
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
        if (lsn === null || !this.#finder.someReplayed(lsn)) {
          if (this.#finder.primaryHasRoom) {
            statement.onPrimary = true
            this.run(statement)
            return
          }
          if (this.#guess(statement)) return
          if (lsn === null && this.#finder.standbys.length > 0) {
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
    const choice = this.#finder.choose(role, minLsn)
    if (choice.kind === 'node') this.#runOn(statement, this.#finder.node(choice.node), choice.role, minLsn)
    else if (choice.kind === 'behind') this.#awaitReplay(statement, minLsn)
    else this.#awaitNode(statement, choice.why)
  }

  /**
   * Replay is usually done by the time a read arrives, so the read is sent to a standby together with the
   * question how far that is, and its answer held until both are known. False when that is not for it.
   */
  #guess(statement: Statement): boolean {
    if (statement.guessed || !this.#mayUseLane(statement)) return false
    const { view } = this.#watch
    const choice = this.#finder.choose('standby', 0)
    if (choice.kind !== 'node' || choice.role !== 'standby') return false
    if ((view.nodes[choice.node]?.lagMs ?? 0) > this.#settings.replayWaitMs) return false
    statement.guessed = true
    const node = this.#finder.node(choice.node)
    const lane = node.lane()
    const replayed = lane.askReplayed()
    this.#sending(statement, node, 'standby', 'lane')
    lane.run(statement.config, statement.record.uses++ > 0, (outcome) => {
      if (outcome.kind !== 'done') this.#laneFailed(statement, node, 'standby', outcome)
      else {
        statement.record.pace.noteQuick()
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
    this.#finder.stamper.whenStamped(session, () => {
      if (session.lsnCovering(afterWrites) !== null) this.#holdAgainst(statement, replayedLsn, answer)
      else {
        statement.onPrimary = true
        this.run(statement)
      }
    })
  }

  #awaitStamp(statement: Statement): void {
    this.#finder.stamper.whenStamped(statement.session, () => {
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
    this.#finder.replay.wait(lsn, this.#settings.replayWaitMs, (node) => {
      if (statement.settled) return
      if (node === null) statement.onPrimary = true
      this.run(statement)
    })
  }

  #awaitNode(statement: Statement, why: string): void {
    const leftMs = statement.deadlineMs - performance.now()
    const hopeless = this.#finder.whyHopeless(leftMs)
    if (leftMs <= 0 || hopeless !== null) {
      this.#reject(statement, hopeless ?? this.#finder.noPrimary(why))
      return
    }
    if (this.#finder.isFull) {
      this.#reject(statement, this.#finder.queueFull())
      return
    }
    const stop = this.#finder.awaitChange(leftMs, () => {
      statement.stopWaiting = null
      this.run(statement)
    })
    statement.stopWaiting = stop
  }

  #mayUseLane({ plan, record, onOwn }: Statement): boolean {
    return (
      plan.connection === 'lane' &&
      !onOwn &&
      this.#settings.lanes.max > 0 &&
      record.pace.mayShare(performance.now())
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
    const { config, firstRows } = statement
    lane.run(firstRows === null ? config : { ...config, firstRows }, record.uses++ > 0, (outcome) => {
      if (outcome.kind !== 'done') this.#laneFailed(statement, node, role, outcome)
      else if (role === 'primary' && lane.isStandby)
        this.#failed(statement, node, role, 'unsent', noPrimaryAnyMore(node))
      else {
        record.pace.noteQuick()
        this.#resolve(statement, outcome.result)
      }
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
        statement.record.pace.noteSlow(performance.now())
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
    if (this.#finder.waitingAll > 0 && this.#finder.isFull) {
      this.#reject(statement, this.#finder.queueFull())
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
    else if (this.#checkouts.suits(taken.client, node, role, minLsn))
      this.#runWith(statement, node, role, taken)
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
    client.onWrite = (flushed) => this.#finder.stamper.wrote(session, flushed && synchronousCommit !== 'off')
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
      if (config.noticed !== undefined) client.removeListener('notice', config.noticed)
      signal?.removeEventListener('abort', cancel)
      statement.underWay = false
      // What failed may have written before it did: several statements, or a procedure that commits.
      if (!plan.repeatable && error !== null) this.#finder.stamper.wrote(session, false)
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
    if (config.noticed !== undefined) client.on('notice', config.noticed)
    try {
      if (synchronousCommit === null) client.query(queryOf(statement, done))
      else if (isPlainWrite(statement)) {
        const unnamed = { ...config, name: undefined }
        client.query(new PrefacedQuery([setCommit(synchronousCommit)], unnamed, undefined, done))
      } else {
        // Of what cannot run inside a transaction the setting is taken back when the client is cleaned.
        client.query(`SET SESSION synchronous_commit TO ${synchronousCommit}`).catch(() => {})
        client.query(queryOf(statement, done))
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
    this.#finder.stamper.wrote(statement.session, false)
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
    if (sentTo !== null) statement.trace?.answered?.(sentTo, whyThere(statement))
  }
}

function queryOf({ config, firstRows, record }: Statement, done: PgCallback): PgQuery {
  const query = firstRows === null ? makeQuery(config, done) : new FirstRowsQuery(config, firstRows, done)
  // Its text need not be read again for that.
  return Object.assign(query, { nature: record.nature })
}

/** Why it was not a standby that answered, or not on a lane; null: it was. */
function whyThere({ plan, sentTo, onPrimary, record }: Statement): string | null {
  if (plan.why !== null) return plan.why
  if (sentTo?.role === 'primary') {
    if (plan.role === 'primary') return 'only the primary may answer under this consistency'
    return onPrimary ? 'no standby has all that it must see' : 'no standby is there'
  }
  return sentTo?.connection === 'own' && record.judgement.shared
    ? 'it takes too long for a shared connection'
    : null
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
  return new HerdError('NO_PRIMARY', `${node.name} is not what it was when it was chosen.`)
}

function unreplicated(): Error {
  return new Error('it was committed on the primary and may not be on a standby')
}
