import type net from 'node:net'
import type { Session, StatementRecord } from '@pgherd/client/internal'
import type { Consistency } from '@pgherd/core/routing'
import { type DatabaseBook, isUnknown } from '../database-book.js'
import type { KnownDatabase } from '../database-books.js'
import type { HerdLink } from '../herd-link.js'
import { FROM_CLIENT, makeQuery } from '../protocol/client-messages.js'
import type { ProtocolViolation } from '../protocol/protocol-violation.js'
import {
  commandComplete,
  FROM_SERVER,
  makeError,
  parameterStatus,
  readyForQuery,
  reportField,
  type ServerReport,
  type TransactionStatus,
} from '../protocol/server-messages.js'
import type { OwnServer } from '../server/own-server.js'
import type { Parsing } from '../server/reply-script.js'
import { LoginRefused } from '../server/server-connection.js'
import { SettingsRefused } from '../server/server-pool.js'
import type { Tenant } from '../server/tenant.js'
import type { ShardedHost } from '../shards/sharded-host.js'
import { ShardedSession } from '../shards/sharded-session.js'
import { encodeRequests, type Request, withClientNames } from './batch.js'
import type { BatchMeter } from './batch-meter.js'
import { type Batch, newBatch, type SimpleMessage, settingOf, takesAllBack } from './client-batch.js'
import { ClientInput, type InputUser } from './client-input.js'
import { ClientOutput } from './client-output.js'
import { destinationOf } from './destination.js'
import { sayFarewell } from './farewell.js'
import type { KeyedCall, KeyedReads } from './keyed-read.js'
import { LaneTurn, type LaneUser, type Unanswered } from './lane-turn.js'
import { FAILED_TRANSACTION, stateLost, transactionLost, unknownOutcome } from './loss-reports.js'
import type { PauseGate } from './pause-gate.js'
import { done, type ProxyAnswer, type ProxyCommand, showConsistency, showPlan } from './proxy-command.js'
import { Seat } from './seat.js'
import { SeatTaker } from './seat-taker.js'
import { SessionSettings } from './session-settings.js'
import type { SessionTraces } from './session-traces.js'
import { EXPLAINED, explainRow, isExplain, type ShownPlan, withNode } from './shown-plan.js'
import { executedName } from './sql-prepared.js'
import { executedBy, StatementMap } from './statement-map.js'
import { endsTransaction, maySeePrepared, namesPrepared } from './statement-traits.js'
import type { StatementNames, VirtualStatement } from './virtual-statement.js'

const MAX_CUT_OFFS = 5

/** What all sessions of a proxy share. */
export interface SessionContext {
  readonly link: HerdLink
  readonly names: StatementNames
  readonly keyed: KeyedReads
  readonly failoverWaitMs: number
  readonly gate: PauseGate
  readonly meter: BatchMeter
  readonly closed: (session: ClientSession) => void
}

/** One client, logged in. One of its batches is under way at a time. */
export class ClientSession implements ShardedHost, InputUser, LaneUser {
  readonly socket: net.Socket
  readonly processId: number
  readonly secretKey: Buffer
  readonly tenant: Tenant
  readonly applicationName: string
  readonly #context: SessionContext
  readonly connectedAtMs = Date.now()
  /** How many batches it has asked for. */
  batches = 0
  /** Its batch waits for a pause to end. */
  #held = false
  /** Null: all of its database is in one group. */
  readonly #shards: ShardedSession | null
  readonly #statements: StatementMap
  readonly #input: ClientInput
  /** What its reads may see unless they say otherwise: as it began, and as it is. */
  readonly #startConsistency: Consistency
  #consistency: Consistency
  /** How the last statement was run. */
  #plan: ShownPlan | null = null
  /** Its reads go to one standby while that has no more to do than others: what it reads is warm there. */
  readonly #turn = turns++
  readonly #output: ClientOutput
  #batch: Batch | null = null
  /** Where it is, of the groups that it has to do with. */
  #seat: Seat
  #isUtf8 = false
  #hasPlainStrings = true
  #status: TransactionStatus = 'I'
  /** As it began, and as it is: any connection it gets is made so. */
  readonly #startSettings: SessionSettings
  #settings: SessionSettings
  /** Its transaction was lost with its connection; it does not know yet. */
  #lostTransaction: ServerReport | null = null
  #stopWaiting: (() => void) | null = null
  readonly #taker = new SeatTaker()
  #closed = false

  constructor(
    socket: net.Socket,
    tenant: Tenant,
    { book, sharded }: KnownDatabase,
    context: SessionContext,
    who: { processId: number; secretKey: Buffer; applicationName: string; consistency: Consistency },
  ) {
    this.socket = socket
    this.#output = new ClientOutput(socket, () => this.#own?.connection.socket.pause())
    this.tenant = tenant
    this.#shards = sharded === null ? null : new ShardedSession(sharded, tenant, this)
    this.#seat =
      this.#shards?.homeSeat ??
      new Seat({ group: '', tenant, link: context.link, book, isReadOnly: false }, this)
    this.#context = context
    this.processId = who.processId
    this.secretKey = who.secretKey
    this.applicationName = who.applicationName
    this.#startConsistency = this.#consistency = who.consistency
    this.#startSettings = this.#settings = SessionSettings.named(who.applicationName)
    this.#statements = new StatementMap(context.names, (command) => this.#obey(command))
    this.#input = new ClientInput(socket, this.#statements, this)
    for (const [name, value] of tenant.parameters) this.#heed(name, value)
    socket.on('data', (chunk: Buffer) => this.#input.read(chunk))
    socket.on('drain', () => this.#own?.connection.socket.resume())
    socket.on('close', () => this.#end())
  }

  /** `rest`: what came together with its login. */
  start(rest: Buffer): void {
    if (rest.length > 0) this.#input.read(rest)
    this.socket.resume()
  }

  // ---- where it is

  /** A connection it has to itself there. */
  get #own(): OwnServer | null {
    return this.#seat.own
  }

  get #traces(): SessionTraces {
    return this.#seat.traces
  }

  /** What it has written there, for its reads to see. */
  get #writes(): Session {
    return this.#seat.writes
  }

  get #tenant(): Tenant {
    return this.#seat.place.tenant
  }

  get #link(): HerdLink {
    return this.#seat.place.link
  }

  get #book(): DatabaseBook {
    return this.#seat.place.book
  }

  get state(): 'idle' | 'active' | 'paused' | 'idle in transaction' {
    if (this.#held) return 'paused'
    if (this.#batch !== null) return 'active'
    return this.#status === 'I' ? 'idle' : 'idle in transaction'
  }

  get hasOwnServer(): boolean {
    return this.#own !== null || this.#shards?.seats.some(({ own }) => own !== null) === true
  }

  // ---- from the client

  get isBusy(): boolean {
    const batch = this.#batch
    return batch !== null && !batch.isAnswered && !(batch.partial && batch.isOut && this.#own !== null)
  }

  get hasFailed(): boolean {
    return this.#status === 'E'
  }

  get copying(): InputUser['copying'] {
    const sink = this.#shards?.copying ?? this.#own
    return sink === null ? null : { sink, bySimple: this.#batch?.simple !== null }
  }

  leaves(): void {
    this.#end()
    sayFarewell(this.socket)
  }

  violates({ sqlState, message }: ProtocolViolation): void {
    this.#fatal({ severity: 'FATAL', code: sqlState, message })
  }

  asked(simple: SimpleMessage | null, requests: readonly Request[], partial: boolean): void {
    this.batches++
    this.#taker.begin()
    const batch = newBatch({ simple, requests, partial }, this.#batch, this.#context.failoverWaitMs)
    this.#batch = batch
    this.#judge(batch)
  }

  #judge(batch: Batch): void {
    if (this.#batch !== batch || this.#closed) return
    if (!this.#isReadable) {
      batch.onOwn = batch.onPrimary = true
      if (this.#shards === null) this.#begin(batch)
      else this.#fatal(UNREADABLE)
    } else if (this.#shards === null) this.#judgeThere(batch, () => this.#begin(batch))
    else this.#begin(batch)
  }

  /** Judges it by what its group has under the names in it. */
  #judgeThere(batch: Batch, then: () => void): void {
    if (this.#batch !== batch || this.#closed) return
    const { simple, requests } = batch
    if (this.#book.loading === null) {
      const records = simple === null ? executedBy(requests, this.#book) : [this.#book.look(simple.text)]
      batch.records = records.map((record) => this.#preparedBySql(record, batch) ?? record)
      // In a transaction it may be about what only that transaction knows.
      if (this.#own !== null || !batch.records.some(isUnknown) || !this.#book.missed()) {
        then()
        return
      }
    }
    void this.#book.loading?.then(() => this.#judgeThere(batch, then))
  }

  /** What EXECUTE runs; null: it is no such statement, or it cannot be said. */
  #preparedBySql(record: StatementRecord, batch: Batch): StatementRecord | null {
    const name = executedName(record)
    // What the session keeps may be another statement of that name.
    if (name === null || this.#traces.keeps) return null
    batch.onOwn = true
    return this.#book.look(this.#settings.prepared(name) ?? NOTHING)
  }

  #begin(batch: Batch): void {
    const { simple } = batch
    const isLost = this.#status === 'E' || this.#lostTransaction !== null
    const command = simple !== null && !isLost ? this.#statements.readCommand(simple.text) : null
    if (command !== null) this.#answerCommand(batch, command)
    else if (this.#lostTransaction !== null) this.#answerLost(batch, this.#lostTransaction)
    else if (this.#mustWait(batch)) this.#hold(batch)
    else if (this.#shards !== null) this.#shards.begin(batch)
    else this.#go(batch)
  }

  #go(batch: Batch): void {
    if (this.#own !== null && this.#mustMove(this.#own, batch)) this.#moveToPrimary(this.#own, batch)
    else if (this.#own !== null) this.#goOnThere(this.#own, batch)
    // Its connection was lost a moment ago, and with it what this was to be part of.
    else if (this.#shards?.isPart(batch) === true) this.#shards.lostBefore(batch)
    else this.run(batch)
  }

  // ---- for several groups

  isUnderWay(batch: Batch): boolean {
    return this.#batch === batch && !this.#closed
  }

  isRepeatable(batch: Batch): boolean {
    return this.#settingOf(batch) !== null
  }

  hasPrepared(name: string): boolean {
    return this.#settings.prepared(name) !== null
  }

  runOn(seat: Seat, batch: Batch): void {
    this.#seat = seat
    this.#judgeThere(batch, () => this.#go(batch))
  }

  again(batch: Batch): void {
    this.#judge(batch)
  }

  answerAhead(batch: Batch, message: Buffer): void {
    if (!this.isUnderWay(batch)) return
    batch.isAnswered = true
    this.#noteStatus()
    this.#output.say(message)
    this.#input.goOn()
  }

  write(batch: Batch, bytes: Buffer): boolean {
    if (!this.isUnderWay(batch)) return true
    batch.told = true
    this.#output.say(bytes)
    return !this.socket.writableNeedDrain
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      const { socket } = this
      if (!socket.writableNeedDrain || socket.destroyed) {
        resolve()
        return
      }
      const done = (): void => {
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
  }

  hasSetting(name: string): boolean {
    return this.#settings.has(name) || this.tenant.identity.settings.has(name)
  }

  beginCopy(response: Buffer): void {
    if (this.#closed) return
    this.#output.say(response)
    this.#input.beginCopy()
  }

  answer(batch: Batch, message: Buffer, where: readonly Seat[]): void {
    if (!this.isUnderWay(batch)) return
    const { meter } = this.#context
    if (where.length > 0) {
      const nodes = where.map(({ place: { link, group } }) => link.view.primary ?? group)
      const reads = batch.records.every(({ judgement }) => judgement.reads)
      meter.sent('primary', 'own', nodes[0] as string, reads)
      for (const other of nodes.slice(1)) meter.count(other, reads)
      const node = nodes.join(', ')
      this.#plan = { node, role: 'primary', connection: 'own', why: 'its rows are in several groups' }
    }
    meter.answered(performance.now() - batch.startedMs)
    this.#batch = null
    this.#input.endCopy()
    this.#noteStatus()
    this.#output.say(message)
    this.#output.say(readyForQuery(this.#status))
    this.#input.goOn()
  }

  #noteStatus(): void {
    if (this.#shards !== null) this.#status = this.#shards.status
  }

  async take(seat: Seat): Promise<void> {
    const deadlineMs = this.#batch?.deadlineMs ?? performance.now() + this.#context.failoverWaitMs
    const { own } = seat
    if (own === null) await this.#taker.take(seat, this.#settings, deadlineMs)
    // What has been set since is to be so on a connection that was kept, too.
    else if (own.status === 'I' && (own.settings.key !== this.#settings.key || own.staleStatements)) {
      const refused = await own.adapt(this.#settings)
      if (refused === null) return
      own.destroy()
      throw new SettingsRefused(refused)
    }
  }

  fatal(report: ServerReport): void {
    this.#fatal({ ...report, severity: 'FATAL' })
  }

  forget(requests: readonly Request[]): void {
    for (const request of requests)
      if (request.kind === 'parse' && !request.isTaken)
        this.#statements.forget(request.clientName, request.statement)
  }

  #answerCommand(batch: Batch, command: ProxyCommand): void {
    if (command.kind === 'refused') this.#refuse(batch, makeError(command.report))
    else {
      const { description, answer } = this.#obey(command)
      this.#tell(batch, description === null ? answer : Buffer.concat([description, answer]))
    }
  }

  /** Its transaction fails of it, as of any error. */
  #refuse(batch: Batch, answer: Buffer): void {
    if (this.#shards !== null) this.#shards.failed(batch, answer)
    else if (this.#own === null) this.#tell(batch, answer)
    else {
      batch.requests = [{ kind: 'refused', answer }]
      batch.simple = null
      this.#goOnThere(this.#own, batch)
    }
  }

  #obey(command: ProxyCommand): ProxyAnswer {
    switch (command.kind) {
      case 'deallocate':
        this.#statements.deallocate(command.name)
        return done('DEALLOCATE')
      case 'set consistency':
        this.#consistency = command.to ?? this.#startConsistency
        return done(command.tag)
      case 'show consistency':
        return showConsistency(this.#consistency)
      case 'show plan':
        return showPlan(this.#plan)
      case 'refused':
        throw new Error('a refused command is not obeyed')
    }
  }

  /** While the proxy is paused, what has begun goes on, and nothing begins. */
  #mustWait({ sent }: Batch): boolean {
    return this.#status === 'I' && !sent && this.#context.gate.holds(this.tenant.identity.database)
  }

  #hold(batch: Batch): void {
    const { gate, meter, failoverWaitMs } = this.#context
    if (!this.#held) meter.waits.pause++
    this.#held = true
    const cancel = gate.wait(() => {
      stop()
      batch.deadlineMs = performance.now() + failoverWaitMs
      this.#judge(batch)
    })
    const stop = (): void => {
      cancel()
      this.#held = false
      this.#stopWaiting = null
    }
    this.#stopWaiting = stop
  }

  // ---- where it goes

  run(batch: Batch): void {
    // It may have been cancelled while it waited to be run again.
    if (this.#closed || this.#batch !== batch) return
    const destination = destinationOf(batch, {
      tenant: this.#tenant,
      link: this.#link,
      writes: this.#writes,
      consistency: this.#consistency,
      turn: this.#turn,
    })
    if (destination === null) {
      this.#await(batch)
      return
    }
    const { node, role, reads } = destination
    const lane = destination.connection === 'shared' ? this.#tenant.lane(node, this.#settings) : null
    this.#plan = lane === null ? { ...destination, connection: 'own' } : destination
    this.#context.meter.sent(role, lane === null ? 'own' : 'lane', node, reads)
    if (lane === null) this.#runOnOwn(batch, node, role)
    else lane.run(new LaneTurn(batch, { node, role, lane }, this.#keyedRead(batch), this))
  }

  /** Waits for a node that can take it. */
  #await(batch: Batch): void {
    this.#context.meter.waits.node++
    const leftMs = batch.deadlineMs - performance.now()
    if (leftMs <= 0) {
      this.#tellError(batch, {
        severity: 'ERROR',
        code: '57P03',
        message: this.#link.whyNoPrimary,
        hint: 'Nothing of it was run. The proxy has waited for a primary as long as it may.',
      })
      return
    }
    const again = (): void => {
      stop()
      this.run(batch)
    }
    const timer = setTimeout(again, leftMs)
    const cancel = this.#link.waitForChange(again)
    const stop = (): void => {
      clearTimeout(timer)
      cancel()
      this.#stopWaiting = null
    }
    this.#stopWaiting = stop
  }

  #keyedRead({ simple, records, asItCame }: Batch): KeyedCall | null {
    const [record] = records
    if (simple === null || asItCame || record === undefined || records.length > 1) return null
    return this.#context.keyed.find(record, simple)
  }

  laneAnswered(
    batch: Batch,
    pieces: readonly Buffer[],
    error: string | null,
    unparsed: readonly Parsing[],
  ): void {
    const { meter } = this.#context
    if (error !== null) {
      meter.failed(error)
      for (const parsing of unparsed) this.unparsed(parsing)
    }
    meter.answered(performance.now() - batch.startedMs)
    this.#batch = null
    if (isExplain(batch.records)) this.#output.say(withNode(Buffer.concat(pieces), this.#plan as ShownPlan))
    else for (const piece of pieces) this.#output.say(piece)
    this.#input.goOn()
  }

  unparsed({ clientName, statement }: Parsing): void {
    this.#statements.forget(clientName, statement)
  }

  /** Nothing of it has reached a server. */
  #forgetUnparsed(batch: Batch): void {
    this.forget(batch.requests)
  }

  failedAt(batch: Batch, node: string, { error }: Unanswered): void {
    this.#link.look(node)
    if (error instanceof LoginRefused && !error.sqlState.startsWith('57P')) {
      if (this.#shards === null) this.#tell(batch, error.report)
      else this.#shards.refused(batch, error)
      return
    }
    if (error instanceof SettingsRefused && !error.sqlState.startsWith('08')) {
      const hint = 'RESET ALL takes back what it has set.'
      this.#tellError(batch, { severity: 'ERROR', code: error.sqlState, message: error.message, hint })
      return
    }
    if (++batch.cutOffs > MAX_CUT_OFFS) batch.onOwn = true
    if (performance.now() > batch.deadlineMs) {
      this.#tellError(batch, { severity: 'ERROR', code: '08006', message: error.message })
      return
    }
    setTimeout(() => this.run(batch), Math.min(250, 5 * 2 ** batch.cutOffs))
  }

  #runOnOwn(batch: Batch, node: string, role: 'primary' | 'standby'): void {
    const pool = this.#tenant.own(node)
    // What takes all settings back must not fail because of one of them.
    const settings = takesAllBack(batch) ? SessionSettings.NONE : this.#settings
    this.#stopWaiting = pool.take(
      settings,
      (server) => {
        this.#stopWaiting = null
        if (this.#closed || this.#batch !== batch) {
          pool.giveBack(server)
          return
        }
        if (server.connection.isStandby && role === 'primary') {
          // Of a node that was promoted while it was idle it says so still: another one will know.
          server.retired = true
          pool.giveBack(server)
          this.failedAt(batch, node, { kind: 'unsent', error: new Error('it is no primary any more') })
          return
        }
        this.#seat.take(server, pool)
        this.#sendOwn(server, batch)
      },
      (error) => {
        this.#stopWaiting = null
        if (this.#batch === batch) this.failedAt(batch, node, { kind: 'unsent', error })
      },
    )
  }

  // ---- from a standby to the primary

  /** What a transaction on a standby left in its session would keep the session there, writes and all. */
  #mustMove(server: OwnServer, batch: Batch): boolean {
    return (
      this.#traces.beganThere !== null &&
      server.connection.isStandby &&
      this.#status === 'T' &&
      !batch.continues &&
      batch.records.some(({ nature }) => nature.leavesTraces)
    )
  }

  /**
   * Under READ COMMITTED each statement sees what is committed by then, and the primary has all that a
   * standby has: a transaction that has only read so far may go on there.
   */
  #moveToPrimary(from: OwnServer, batch: Batch): void {
    const begin = this.#traces.beganThere as string
    this.#traces.movedOn()
    const stay = (): void => {
      if (this.#batch === batch && this.#own === from) this.#sendOwn(from, batch)
    }
    const choice = this.#tenant.choose('primary', 0, 0)
    if (choice.kind !== 'node') {
      stay()
      return
    }
    const pool = this.#tenant.own(choice.node)
    const move = (server: OwnServer): void => {
      this.#stopWaiting = null
      void server.ask(makeQuery(begin)).then((error) => {
        if (error !== null || this.#batch !== batch || this.#own !== from) {
          pool.giveBack(server)
          stay()
          return
        }
        this.#seat.release()
        this.#seat.take(server, pool)
        this.#sendOwn(server, batch)
      })
    }
    this.#stopWaiting = pool.take(this.#settings, move, stay)
  }

  // ---- a connection of its own

  #sendOwn(server: OwnServer, batch: Batch): void {
    const preparing = this.#makeReady(server, batch)
    if (preparing !== null) {
      void preparing.then((error) => {
        // What is prepared on it now is not known.
        if (error !== null) server.destroy()
        else if (this.#own === server && this.#batch === batch) this.#sendOwn(server, batch)
      })
      return
    }
    const traces = this.#traces
    traces.noteBeginning(server, batch.records, this.#status === 'I')
    batch.afterKept = traces.keeps
    if (!this.#isReadable) traces.noteUnread(server)
    if (batch.isFunctionCall) traces.noteFunctionCall(server)
    // In a transaction it may be undone.
    batch.setting = this.#status === 'I' ? this.#settingOf(batch) : null
    if (batch.setting === null) traces.note(server, batch.records, this.#settings.has('synchronous_commit'))
    batch.sent = true
    const explains = isExplain(batch.records)
    const mayForget =
      explains ||
      !this.#isReadable ||
      batch.records.some(({ facts, nature }) => FORGETS.has(facts.command) || !nature.isSingle)
    if (batch.simple !== null) {
      server.script = null
      if (mayForget) server.watchForgetting()
      server.send([batch.simple.message])
      return
    }
    const { parts, script, prepares } = encodeRequests(batch.requests, server.prepared, {
      sync: !batch.partial,
      failed: this.#status === 'E',
      ...(batch.continues && server.script !== null ? { script: server.script } : {}),
    })
    if (!script.hasFailed) for (const statement of prepares) server.prepared.add(statement)
    const isNeedless = !batch.partial && !batch.continues && script.isNeedless
    server.script = isNeedless ? null : script
    if (mayForget) server.watchForgetting()
    if (batch.partial) parts.push(FLUSH)
    server.send(parts)
    server.sayDue()
    if (!batch.partial) return
    batch.isOut = true
    this.#input.goOn()
  }

  #settingOf(batch: Batch): Batch['setting'] {
    const change = settingOf(batch)
    return change !== null && this.#settings.canChange(change, this.#startSettings) ? change : null
  }

  /** What must be done on a connection before a batch may run on it; null: nothing. As `OwnServer.ask`. */
  #makeReady(server: OwnServer, batch: Batch): Promise<string | null> | null {
    if (batch.continues || this.#status === 'E') return null
    if (this.#status === 'I' && server.settings.key !== this.#settings.key && !takesAllBack(batch))
      return server.adapt(this.#settings)
    if (server.prepared.size === 0) return null
    const { records, isFunctionCall } = batch
    // What cannot be read may name them too.
    if (server.staleStatements || !this.#isReadable || isFunctionCall || records.some(namesPrepared))
      return server.forgetPrepared()
    if (!records.some(maySeePrepared)) return null
    const isOurs = (statement: VirtualStatement): boolean => this.#statements.owns(statement)
    return [...server.prepared].every(isOurs) ? null : server.forgetPrepared(isOurs)
  }

  /** On the connection that it has already. */
  #goOnThere(server: OwnServer, batch: Batch): void {
    const why = this.#status === 'I' ? 'its session holds what is to be kept' : 'its transaction is there'
    if (this.#plan !== null && this.#plan.why !== why) this.#plan = { ...this.#plan, connection: 'own', why }
    this.#sendOwn(server, batch)
  }

  bytes(piece: Buffer): void {
    if (this.#batch !== null) {
      this.#batch.told = true
      if (isExplain(this.#batch.records) && piece.equals(EXPLAINED) && this.#plan !== null)
        this.#output.say(explainRow(this.#plan))
    }
    this.#output.say(piece)
  }

  error(sqlState: string | null, message: Buffer): void {
    const batch = this.#batch
    if (batch !== null) batch.failed = true
    this.#context.meter.failed(sqlState)
    this.bytes(batch === null ? message : withClientNames(message, batch.requests))
  }

  parameter(name: string, value: string): void {
    this.#heed(name, value)
    if (name !== 'in_hot_standby') this.#output.say(parameterStatus(name, value))
  }

  /**
   * A text in another encoding, or with backslashes that mean something, is not read here: what it would be
   * judged by may not be what it says.
   */
  #heed(name: string, value: string): void {
    if (name === 'client_encoding') this.#isUtf8 = value === 'UTF8'
    else if (name === 'standard_conforming_strings') this.#hasPlainStrings = value === 'on'
    this.#statements.isUtf8 = this.#isReadable
  }

  get #isReadable(): boolean {
    return this.#isUtf8 && this.#hasPlainStrings
  }

  copyIn(): void {
    this.#input.beginCopy()
  }

  ready(status: TransactionStatus): void {
    const batch = this.#batch
    if (batch !== null) {
      this.#context.meter.answered(performance.now() - batch.startedMs)
      // What could not be prepared again has nothing to take away.
      if (batch.setting?.kind === 'deallocate' || (batch.setting !== null && !batch.failed))
        this.#noteSetting(this.#seat, batch.setting)
    }
    if (this.#shards === null || status !== 'I' || !this.#traces.changedForOthers) this.#finish(status)
    // What comes next is planned by it, and answered from it.
    else
      void this.#shards.schemaChanged().then(() => {
        if (!this.#closed && this.#batch === batch) this.#finish(status)
      })
  }

  #finish(status: TransactionStatus): void {
    const batch = this.#batch
    this.#batch = null
    this.#input.endCopy()
    this.#status = this.#shards?.heard(status, batch?.failed === true) ?? status
    this.#output.say(readyForQuery(this.#status))
    if (status === 'I') this.#ended()
    this.#input.goOn()
  }

  #noteSetting({ own: server }: Seat, change: Exclude<Batch['setting'], null>): void {
    this.#settings = this.#settings.after(change, this.#startSettings)
    if (change.kind === 'reset all') this.#consistency = this.#startConsistency
    if (server === null) return
    const settings = server.settings.after(change, SessionSettings.NONE)
    server.staleStatements ||= settings.answerKey !== server.settings.answerKey
    server.settings = settings
  }

  /** A transaction has ended, or a statement that was one. */
  #ended(): void {
    if (this.#seat.ended()) {
      this.#book.changed()
      void this.#book.loading?.then(() => this.#absolve())
    }
    if (!this.#traces.keeps) this.#seat.release()
  }

  forgotten(seat: Seat, isAll: boolean, parses: readonly Parsing[]): void {
    this.#statements.clear(parses)
    this.#noteSetting(seat, { kind: 'deallocate all' })
    // What comes after it in a pipeline leaves traces of its own.
    if (!isAll || seat.own === null || this.#batch?.records.length !== 1) return
    seat.own.traced = seat.traces.keeps = false
    seat.own.settings = SessionSettings.NONE
    this.#settings = this.#startSettings
    this.#consistency = this.#startConsistency
  }

  /** What was made in a transaction was not known to be harmless when it was used there. */
  #absolve(): void {
    if (this.#batch === null && this.#status === 'I') this.#seat.absolve((text) => this.#book.look(text))
  }

  /** Its server connection ended. */
  lost(seat: Seat, error: Error): void {
    // What is held has not begun, and what runs in several groups hears of it there.
    const isElsewhere = this.#held || this.#shards?.isRunning === true || seat !== this.#seat
    const batch = isElsewhere ? null : this.#batch
    const { wrote, keeps } = seat.traces
    seat.forget()
    if (this.#shards?.lost(seat, error) === true) {
      const lost = batch === null ? null : this.#shards.tellLoss()
      if (batch !== null && lost !== null) this.#loseBatch(batch, lost)
      return
    }
    if (seat === this.#seat) this.#input.serverLost()
    if (this.#shards !== null && this.#status !== 'I') {
      if (batch !== null) this.#loseBatch(batch, makeError(transactionLost(error)))
      return
    }
    const inTransaction = this.#status !== 'I'
    this.#status = 'I'
    if (batch === null ? keeps : batch.afterKept) {
      const mayBeDone = batch !== null && (inTransaction ? mayHaveCommitted(batch) : wrote)
      this.#fatal(stateLost(error, mayBeDone))
    } else if (inTransaction) this.#loseTransaction(batch, error)
    else if (batch !== null) this.#loseStatement(batch, wrote, error)
  }

  /** What it was in has failed. */
  #loseBatch(batch: Batch, report: Buffer): void {
    this.#input.serverLost()
    this.#shards?.heard('E', true)
    this.#noteStatus()
    if (batch.partial) this.#shards?.skipAfter(batch, report)
    else this.#tell(batch, report)
  }

  #loseTransaction(batch: Batch | null, error: Error): void {
    if (batch !== null && mayHaveCommitted(batch)) {
      this.#writes.noteWrite(false)
      this.#tellError(batch, unknownOutcome(error))
      return
    }
    const lost = transactionLost(error)
    this.#status = 'E'
    if (batch === null) this.#lostTransaction = lost
    else this.#answerLost(batch, lost)
  }

  #loseStatement(batch: Batch, wrote: boolean, error: Error): void {
    // Of what came before a Flush nothing is known any more.
    if (!wrote && !batch.told && !batch.continues) this.failedAt(batch, '', { kind: 'cut off', error })
    else if (!wrote) this.#tellError(batch, { severity: 'ERROR', code: '08006', message: error.message })
    else {
      this.#writes.noteWrite(false)
      this.#tellError(batch, unknownOutcome(error))
    }
  }

  /** For a client that does not know yet that its transaction is gone. */
  #answerLost(batch: Batch, lost: ServerReport): void {
    if (batch.records.some(endsTransaction) && batch.simple !== null) {
      this.#lostTransaction = null
      this.#status = 'I'
      this.#tell(batch, commandComplete('ROLLBACK'))
      return
    }
    this.#lostTransaction = FAILED_TRANSACTION
    this.#tell(batch, makeError(lost))
  }

  // ---- to the client

  #tellError(batch: Batch, report: ServerReport): void {
    this.#tell(batch, makeError(report))
  }

  /** Ends a batch with a message of ours. */
  #tell(batch: Batch, message: Buffer): void {
    if (this.#closed || this.#batch !== batch) return
    const { meter } = this.#context
    if (message[0] === FROM_SERVER.error) meter.failed(reportField(message, 'C'))
    meter.answered(performance.now() - batch.startedMs)
    this.#batch = null
    this.#forgetUnparsed(batch)
    this.#output.say(message)
    this.#output.say(readyForQuery(this.#status))
    this.#input.goOn()
  }

  #fatal(report: ServerReport): void {
    if (this.#closed) return
    this.#output.flush()
    this.#end()
    sayFarewell(this.socket, makeError(report))
  }

  /** The client asked, over another connection, to cancel what it has under way. */
  cancel(): void {
    const batch = this.#batch
    if (batch === null) return
    if (this.#shards?.isRunning === true) {
      this.#shards.cancel()
      this.#taker.giveUp(Object.assign(new Error(CANCELED), { code: QUERY_CANCELED }))
      return
    }
    if (this.#own !== null && !this.#held) void this.#own.connection.cancel()
    else {
      // On a lane it is a read: whatever comes of it, nobody waits for it any more.
      this.#stopWaiting?.()
      this.#tellError(batch, {
        severity: 'ERROR',
        code: QUERY_CANCELED,
        message: CANCELED,
      })
    }
  }

  /** Ends the session by order. */
  terminate(message: string): void {
    this.#fatal({ severity: 'FATAL', code: '57P01', message })
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#input.end()
    this.#stopWaiting?.()
    this.#taker.giveUp(new Error('its client is gone'))
    if (this.#batch !== null && this.#shards?.isRunning !== true) this.#seat.abandon()
    if (this.#shards === null) this.#seat.release()
    else this.#shards.close()
    this.#batch = null
    this.#context.closed(this)
  }
}

let turns = 0

const UNREADABLE: ServerReport = {
  severity: 'FATAL',
  code: '0A000',
  message:
    'what is not in UTF8, or has backslashes in plain strings, cannot be told to which shard it belongs',
  hint: 'Connect with client_encoding UTF8 and standard_conforming_strings on.',
}

const QUERY_CANCELED = '57014'
const CANCELED = 'canceling statement due to user request'
/** What is run by the name of a statement that is not there. */
const NOTHING = ''
const FLUSH = Buffer.from([FROM_CLIENT.flush, 0, 0, 0, 4])
const FORGETS: ReadonlySet<string> = new Set(['DEALLOCATE', 'DISCARD'])

/** Of a transaction only what ends it may have taken effect. */
function mayHaveCommitted({ records }: Batch): boolean {
  return records.some(({ facts, nature }) => facts.kind === 'transaction' || !nature.isSingle)
}
