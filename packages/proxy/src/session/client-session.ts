import type net from 'node:net'
import { Session, type StatementRecord } from '@pgherd/client/internal'
import type { Lsn } from '@pgherd/core'
import { type Consistency, judgeFailure, lsnForStaleness } from '@pgherd/core/routing'
import { changesCatalogue, type DatabaseBook, isUnknown } from '../database-book.js'
import type { HerdLink } from '../herd-link.js'
import { FROM_CLIENT, makeQuery, readQuery } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
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
import type { OwnServer, ServerUser } from '../server/own-server.js'
import type { JobOutcome, LaneJob } from '../server/proxy-lane.js'
import type { Parsing } from '../server/reply-script.js'
import { LoginRefused } from '../server/server-connection.js'
import type { ServerPool } from '../server/server-pool.js'
import type { Tenant } from '../server/tenant.js'
import { encodeRequests, type Request, withClientNames } from './batch.js'
import type { BatchMeter } from './batch-meter.js'
import { ClientOutput } from './client-output.js'
import { hintOf } from './consistency-hint.js'
import { sayFarewell } from './farewell.js'
import type { PauseGate } from './pause-gate.js'
import {
  done,
  explainRow,
  type ProxyAnswer,
  type ProxyCommand,
  type ShownPlan,
  showConsistency,
  showPlan,
} from './proxy-command.js'
import { SessionSettings, type SettingChange, settingChange } from './session-settings.js'
import { executedBy, StatementMap } from './statement-map.js'
import {
  endsTransaction,
  isPlainDdl,
  mayMeetOthers,
  opensReadOnly,
  outlivesCleaning,
} from './statement-traits.js'
import type { StatementNames } from './virtual-statement.js'

/** PostgreSQL's PQ_LARGE_MESSAGE_LIMIT. */
const LONGEST_MESSAGE = 0x3fffffff
/** What a client may send ahead while its batch is under way. */
const MOST_HELD = 256 * 1024
const MAX_CUT_OFFS = 5

/** What all sessions of a proxy share. */
export interface SessionContext {
  readonly link: HerdLink
  readonly names: StatementNames
  readonly failoverWaitMs: number
  readonly gate: PauseGate
  readonly meter: BatchMeter
  readonly closed: (session: ClientSession) => void
}

/** What a client asked for up to a Sync, or one Query. */
interface Batch {
  readonly simple: { readonly message: Buffer; readonly text: string } | null
  readonly requests: Request[]
  /** What of it is executed. */
  records: readonly StatementRecord[]
  readonly startedMs: number
  deadlineMs: number
  /** Ends with a Flush: more of it will come. */
  readonly partial: boolean
  /** It goes on after a Flush. */
  readonly continues: boolean
  onPrimary: boolean
  onOwn: boolean
  /** Something of the answer has gone to the client. */
  told: boolean
  /** A server has it. */
  sent: boolean
  /** Its session held, before it, what the client may count on. */
  afterKept: boolean
  /** All it does is change a setting that can be said again elsewhere. */
  setting: SettingChange | null
  /** An error was part of the answer. */
  failed: boolean
  cutOffs: number
}

/** One client, logged in. One of its batches is under way at a time. */
export class ClientSession implements ServerUser {
  readonly socket: net.Socket
  readonly processId: number
  readonly secretKey: Buffer
  readonly tenant: Tenant
  readonly applicationName: string
  readonly #book: DatabaseBook
  readonly #context: SessionContext
  readonly connectedAtMs = Date.now()
  /** How many batches it has asked for. */
  batches = 0
  /** Its batch waits for a pause to end. */
  #held = false
  readonly #frames = new FrameReader(LONGEST_MESSAGE)
  readonly #statements: StatementMap
  /** What its reads may see unless they say otherwise: as it began, and as it is. */
  readonly #startConsistency: Consistency
  #consistency: Consistency
  /** How the last statement was run. */
  #plan: ShownPlan | null = null
  /** What it has written, for its reads to see. */
  readonly #writes = new Session()
  /** Its reads go to one standby while that has no more to do than others: what it reads is warm there. */
  readonly #turn = turns++
  readonly #output: ClientOutput
  #requests: Request[] = []
  #batch: Batch | null = null
  /** A connection it has to itself, and whose pool that is of. */
  #own: OwnServer | null = null
  #pool: ServerPool | null = null
  #copyIn = false
  /** Nothing is read up to the next Sync, since there was an error of ours. */
  #skipping = false
  /** How its transaction on a standby began, while it has only read. */
  #beganThere: string | null = null
  #isUtf8 = true
  /** It sends faster than the server takes. */
  #waitsForServer = false
  #status: TransactionStatus = 'I'
  /** As it began, and as it is: any connection it gets is made so. */
  readonly #startSettings: SessionSettings
  #settings: SessionSettings
  /** What was done on its connection since the last transaction ended. */
  #wrote = false
  #mayDeferFlush = false
  #changedCatalogue = false
  /** The session on its connection holds what it may count on: settings, temporary tables, locks, … */
  #keeps = false
  /** Texts that may have left traces in the session, as far as was known when they were run. */
  readonly #suspects = new Set<string>()
  /** Its transaction was lost with its connection; it does not know yet. */
  #lostTransaction: ServerReport | null = null
  #stopWaiting: (() => void) | null = null
  #closed = false

  constructor(
    socket: net.Socket,
    tenant: Tenant,
    book: DatabaseBook,
    context: SessionContext,
    who: { processId: number; secretKey: Buffer; applicationName: string; consistency: Consistency },
  ) {
    this.socket = socket
    this.#output = new ClientOutput(socket, () => this.#own?.connection.socket.pause())
    this.tenant = tenant
    this.#book = book
    this.#context = context
    this.processId = who.processId
    this.secretKey = who.secretKey
    this.applicationName = who.applicationName
    this.#startConsistency = this.#consistency = who.consistency
    this.#startSettings = this.#settings = SessionSettings.named(who.applicationName)
    this.#statements = new StatementMap(context.names, (command) => this.#obey(command))
    this.#useEncoding(tenant.parameters.get('client_encoding') ?? '')
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => this.#own?.connection.socket.resume())
    socket.on('close', () => this.#end())
  }

  /** `rest`: what came together with its login. */
  start(rest: Buffer): void {
    if (rest.length > 0) this.#read(rest)
    this.socket.resume()
  }

  get state(): 'idle' | 'active' | 'paused' | 'idle in transaction' {
    if (this.#held) return 'paused'
    if (this.#batch !== null) return 'active'
    return this.#status === 'I' ? 'idle' : 'idle in transaction'
  }

  get hasOwnServer(): boolean {
    return this.#own !== null
  }

  // ---- from the client

  #read(chunk: Buffer): void {
    this.#frames.push(chunk)
    this.#goOn()
  }

  #goOn(): void {
    try {
      while (!this.#closed && this.#mayRead) {
        // What is copied comes in many small messages, and the server takes them as they are.
        const copied = this.#copyIn ? this.#frames.nextRun(FROM_CLIENT.copyData) : null
        const message = copied ?? this.#frames.next()
        if (message === null) break
        this.#take(message)
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.#fatal({ severity: 'FATAL', code: error.sqlState, message: error.message })
      return
    }
    if (this.#frames.held > MOST_HELD && !this.#mayRead) this.socket.pause()
    else if (this.socket.isPaused() && this.#mayRead) this.socket.resume()
  }

  get #mayRead(): boolean {
    return this.#batch === null || this.#copyIn || (this.#batch.partial && this.#own !== null)
  }

  #take(message: Buffer): void {
    const type = message[0] as number
    if (this.#copyIn && this.#own !== null && type !== FROM_CLIENT.terminate) {
      this.#takeForCopy(this.#own, type, message)
      return
    }
    if (this.#skipping && SKIPPED.has(type)) return
    switch (type) {
      case FROM_CLIENT.query:
        this.#statements.forgetUnnamed()
        this.#start({ message, text: readQuery(message) }, false)
        break
      case FROM_CLIENT.parse:
        this.#takeParse(message)
        break
      case FROM_CLIENT.bind:
        this.#requests.push(this.#statements.readBind(message))
        break
      case FROM_CLIENT.describe:
        this.#requests.push(this.#statements.readDescribe(message))
        break
      case FROM_CLIENT.execute:
        this.#requests.push(this.#statements.readExecute(message))
        break
      case FROM_CLIENT.close:
        this.#requests.push(this.#statements.readClose(message))
        break
      case FROM_CLIENT.sync:
        this.#skipping = false
        this.#start(null, false)
        break
      case FROM_CLIENT.flush:
        if (this.#requests.length > 0) this.#start(null, true)
        break
      case FROM_CLIENT.functionCall:
        this.#start({ message, text: '' }, false)
        break
      case FROM_CLIENT.copyData:
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        // A COPY that failed: the client has not heard of it yet.
        break
      case FROM_CLIENT.terminate:
        this.#end()
        sayFarewell(this.socket)
        break
      default:
        throw new ProtocolViolation(`invalid frontend message type ${type}`)
    }
  }

  #takeParse(message: Buffer): void {
    const request = this.#statements.readParse(message, this.#status === 'E')
    this.#requests.push(request)
    this.#skipping = request.kind === 'refused'
  }

  /**
   * What is copied is the server's as it comes, and nothing else: if the COPY has failed by then, the server
   * would run it, and the answer would come when the connection is somebody else's (I6).
   */
  #takeForCopy(server: OwnServer, type: number, message: Buffer): void {
    switch (type) {
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        // In the extended protocol a Sync follows: the one before was lost in the COPY.
        this.#copyIn = this.#batch?.simple === null
        break
      case FROM_CLIENT.sync:
        if (this.#batch?.simple !== null) return
        // It may be one more than the server needs, with an answer of its own.
        server.traced = server.tainted = true
        this.#copyIn = false
        break
      case FROM_CLIENT.copyData:
        break
      case FROM_CLIENT.flush:
        return
      default:
        throw new ProtocolViolation(
          `unexpected message type 0x${type.toString(16).toUpperCase()} during COPY from stdin`,
        )
    }
    if (!server.send([message])) this.#pauseForServer(server)
  }

  #pauseForServer(server: OwnServer): void {
    if (this.#waitsForServer) return
    this.#waitsForServer = true
    this.socket.pause()
    server.connection.socket.once('drain', () => {
      this.#waitsForServer = false
      this.socket.resume()
    })
  }

  #start(simple: Batch['simple'], partial: boolean): void {
    const requests = this.#requests
    this.#requests = []
    const before = this.#batch
    const nowMs = performance.now()
    this.batches++
    const batch: Batch = {
      simple,
      requests,
      records: [],
      startedMs: before?.startedMs ?? nowMs,
      deadlineMs: nowMs + this.#context.failoverWaitMs,
      partial,
      continues: before !== null,
      // What it is about may come after the Flush.
      onPrimary: partial,
      onOwn: partial || before !== null || simple?.message[0] === FROM_CLIENT.functionCall,
      told: before?.told ?? false,
      sent: before?.sent ?? false,
      afterKept: false,
      setting: null,
      failed: false,
      cutOffs: 0,
    }
    this.#batch = batch
    this.#judge(batch)
  }

  #judge(batch: Batch): void {
    if (this.#batch !== batch || this.#closed) return
    const { simple, requests } = batch
    if (!this.#isUtf8) {
      batch.onOwn = batch.onPrimary = true
      this.#begin(batch)
      return
    }
    if (this.#book.loading === null) {
      batch.records = simple === null ? executedBy(requests, this.#book) : [this.#book.look(simple.text)]
      // In a transaction it may be about what only that transaction knows.
      if (this.#own !== null || !batch.records.some(isUnknown) || !this.#book.missed()) {
        this.#begin(batch)
        return
      }
    }
    void this.#book.loading?.then(() => this.#judge(batch))
  }

  #begin(batch: Batch): void {
    const { simple } = batch
    const isLost = this.#status === 'E' || this.#lostTransaction !== null
    const command = simple !== null && !isLost ? this.#statements.readCommand(simple.text) : null
    if (command !== null) this.#answerCommand(batch, command)
    else if (this.#lostTransaction !== null) this.#answerLost(batch, this.#lostTransaction)
    else if (this.#mustWait(batch)) this.#hold(batch)
    else if (this.#own !== null && this.#mustMove(this.#own, batch)) this.#moveToPrimary(this.#own, batch)
    else if (this.#own !== null) this.#goOnThere(this.#own, batch)
    else this.#run(batch)
  }

  #answerCommand(batch: Batch, command: ProxyCommand): void {
    if (command.kind === 'refused') this.#tellError(batch, command.report)
    else {
      const { description, answer } = this.#obey(command)
      this.#tell(batch, description === null ? answer : Buffer.concat([description, answer]))
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

  #run(batch: Batch): void {
    if (this.#closed) return
    const reads = batch.records.every(({ judgement }) => judgement.reads)
    const shared = reads && !batch.onOwn && batch.records.every((record) => this.#mayShare(record))
    // What leaves something in its session keeps the connection, and later writes must find a primary there.
    const staysClean = !batch.records.some(({ nature }) => nature.leavesTraces)
    const mayUseStandby = ((reads && staysClean) || opensReadOnly(batch.records)) && !batch.onPrimary
    const position = mayUseStandby ? this.#standbyPosition(batch) : null
    const choice = this.tenant.choose(position === null ? 'primary' : 'standby', position ?? 0, this.#turn)
    const at = choice.kind === 'behind' ? this.tenant.choose('primary', 0, 0) : choice
    if (at.kind !== 'node') {
      this.#await(batch)
      return
    }
    this.#context.meter.sent(at.role, shared ? 'lane' : 'own')
    this.#plan = {
      node: at.node,
      role: at.role,
      connection: shared ? 'shared' : 'own',
      why: whyThere(batch.records, at.role, mayUseStandby, position, choice.kind),
    }
    if (shared) this.#runOnLane(batch, at.node, at.role)
    else this.#runOnOwn(batch, at.node, at.role)
  }

  /** What a standby must have replayed to answer a batch that reads; null: the primary is to answer. */
  #standbyPosition({ records }: Batch): Lsn | null {
    const { link } = this.#context
    const consistency =
      (records.length === 1 ? hintOf((records[0] as StatementRecord).text) : null) ?? this.#consistency
    if (consistency === 'primary') return null
    if (consistency === 'eventual') return 0
    if (typeof consistency === 'object')
      return lsnForStaleness(link.view, consistency.bounded.maxStalenessMs, performance.now())
    const position = link.positionOf(this.#writes)
    // This read is the primary's; those that follow may be a standby's again.
    if (position === null) link.stamper.whenStamped(this.#writes, () => {})
    return position
  }

  #mayShare(record: StatementRecord): boolean {
    const { judgement, facts, pace } = record
    if (!judgement.shared || facts.statements > 1 || !pace.mayShare(performance.now())) return false
    return !mayMeetOthers(record)
  }

  /** Waits for a node that can take it. */
  #await(batch: Batch): void {
    this.#context.meter.waits.node++
    const leftMs = batch.deadlineMs - performance.now()
    if (leftMs <= 0) {
      this.#tellError(batch, {
        severity: 'ERROR',
        code: '57P03',
        message: this.#context.link.whyNoPrimary,
        hint: 'Nothing of it was run. The proxy has waited for a primary as long as it may.',
      })
      return
    }
    const again = (): void => {
      stop()
      this.#run(batch)
    }
    const timer = setTimeout(again, leftMs)
    const cancel = this.#context.link.waitForChange(again)
    const stop = (): void => {
      clearTimeout(timer)
      cancel()
      this.#stopWaiting = null
    }
    this.#stopWaiting = stop
  }

  #runOnLane(batch: Batch, node: string, role: 'primary' | 'standby'): void {
    const lane = this.tenant.lane(node, this.#settings)
    if (lane === null) {
      this.#plan = { ...(this.#plan as ShownPlan), connection: 'own' }
      this.#runOnOwn(batch, node, role)
      return
    }
    const job: LaneJob = {
      encode: (prepared) => {
        if (batch.simple !== null) return { parts: [batch.simple.message], script: null, prepares: [] }
        return encodeRequests(batch.requests, prepared, { sync: true, failed: false })
      },
      rename: (report) => withClientNames(report, batch.requests),
      done: (outcome) => {
        if (this.#batch !== batch || this.#closed) return
        if (outcome.kind === 'answered' && role === 'primary' && lane.isStandby)
          this.#again(batch, node, { kind: 'cut off', error: new Error('it is no primary any more') })
        else this.#laneAnswered(batch, node, role, outcome)
      },
    }
    lane.run(job)
  }

  #laneAnswered(batch: Batch, node: string, role: 'primary' | 'standby', outcome: JobOutcome): void {
    if (outcome.kind === 'too long') {
      for (const { pace } of batch.records) pace.keepAway(performance.now())
      batch.onOwn = true
      this.#run(batch)
      return
    }
    if (outcome.kind !== 'answered') {
      this.#again(batch, node, outcome)
      return
    }
    const { error, pieces, unparsed } = outcome
    if (error !== null && (LANE_ONLY.has(error) || isOfStandby(role, error))) {
      if (error === QUERY_CANCELED) for (const { pace } of batch.records) pace.noteSlow(performance.now())
      if (LANE_ONLY.has(error)) batch.onOwn = true
      else batch.onPrimary = true
      this.#run(batch)
      return
    }
    const { meter } = this.#context
    for (const { pace } of batch.records) pace.noteQuick()
    if (error !== null) {
      meter.failed(error)
      for (const parsing of unparsed) this.unparsed(parsing)
    }
    meter.answered(performance.now() - batch.startedMs)
    this.#batch = null
    if (isExplain(batch.records)) this.#output.say(this.#withNode(Buffer.concat(pieces)))
    else for (const piece of pieces) this.#output.say(piece)
    this.#goOn()
  }

  unparsed({ clientName, statement }: Parsing): void {
    this.#statements.forget(clientName, statement)
  }

  /** Nothing of it has reached a server. */
  #forgetUnparsed(batch: Batch): void {
    for (const request of batch.requests)
      if (request.kind === 'parse' && !request.isTaken)
        this.#statements.forget(request.clientName, request.statement)
  }

  #again(
    batch: Batch,
    node: string,
    { error }: Exclude<JobOutcome, { kind: 'answered' | 'too long' }>,
  ): void {
    this.#context.link.look(node)
    if (error instanceof LoginRefused && !error.sqlState.startsWith('57P')) {
      this.#tell(batch, error.report)
      return
    }
    if (++batch.cutOffs > MAX_CUT_OFFS) batch.onOwn = true
    if (performance.now() > batch.deadlineMs) {
      this.#tellError(batch, { severity: 'ERROR', code: '08006', message: error.message })
      return
    }
    setTimeout(() => this.#run(batch), Math.min(250, 5 * 2 ** batch.cutOffs))
  }

  #runOnOwn(batch: Batch, node: string, role: 'primary' | 'standby'): void {
    const pool = this.tenant.own(node)
    this.#stopWaiting = pool.take(
      this.#settings,
      (server) => {
        this.#stopWaiting = null
        if (this.#closed || this.#batch !== batch) {
          pool.giveBack(server)
          return
        }
        if (server.connection.isStandby && role === 'primary') {
          pool.giveBack(server)
          this.#again(batch, node, { kind: 'unsent', error: new Error('it is no primary any more') })
          return
        }
        this.#takeUp(server, pool)
        this.#sendOwn(server, batch)
      },
      (error) => {
        this.#stopWaiting = null
        if (this.#batch === batch) this.#again(batch, node, { kind: 'unsent', error })
      },
    )
  }

  // ---- from a standby to the primary

  /** What a transaction on a standby left in its session would keep the session there, writes and all. */
  #mustMove(server: OwnServer, batch: Batch): boolean {
    return (
      this.#beganThere !== null &&
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
    const begin = this.#beganThere as string
    this.#beganThere = null
    const stay = (): void => {
      if (this.#batch === batch && this.#own === from) this.#sendOwn(from, batch)
    }
    const choice = this.tenant.choose('primary', 0, 0)
    if (choice.kind !== 'node') {
      stay()
      return
    }
    const pool = this.tenant.own(choice.node)
    const move = (server: OwnServer): void => {
      this.#stopWaiting = null
      void server.ask(makeQuery(begin)).then((error) => {
        if (error !== null || this.#batch !== batch || this.#own !== from) {
          pool.giveBack(server)
          stay()
          return
        }
        this.#pool?.giveBack(from)
        this.#takeUp(server, pool)
        this.#sendOwn(server, batch)
      })
    }
    this.#stopWaiting = pool.take(this.#settings, move, stay)
  }

  // ---- a connection of its own

  #takeUp(server: OwnServer, pool: ServerPool): void {
    this.#own = server
    this.#pool = pool
    server.attach(this)
  }

  #sendOwn(server: OwnServer, batch: Batch): void {
    // What cannot be read may name them too.
    const mayMeet = batch.records.some(mayMeetOthers) || (!this.#isUtf8 && !batch.continues)
    if (server.prepared.size > 0 && this.#status !== 'E' && mayMeet) {
      void server.forgetPrepared().then(() => {
        if (this.#own === server && this.#batch === batch) this.#sendOwn(server, batch)
      })
      return
    }
    this.#noteBeginning(server, batch.records)
    batch.afterKept = this.#keeps
    if (!this.#isUtf8) server.traced = server.tainted = this.#keeps = this.#wrote = true
    batch.setting = this.#settingOf(batch)
    if (batch.setting === null) this.#noteTraces(server, batch)
    batch.sent = true
    const explains = isExplain(batch.records)
    const mayForget =
      explains ||
      !this.#isUtf8 ||
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
    server.script = script
    if (batch.partial) parts.push(FLUSH)
    server.send(parts)
    server.sayDue()
  }

  #settingOf({ records, simple, requests, partial, continues }: Batch): SettingChange | null {
    const [record] = records
    // In a transaction it may be undone.
    if (record === undefined || records.length > 1 || this.#status !== 'I' || partial || continues)
      return null
    if (simple === null && !requests.some(isExecute)) return null
    return settingChange(record)
  }

  /** On the connection that it has already. */
  #goOnThere(server: OwnServer, batch: Batch): void {
    const why = this.#status === 'I' ? 'its session holds what is to be kept' : 'its transaction is there'
    if (this.#plan !== null && this.#plan.why !== why) this.#plan = { ...this.#plan, connection: 'own', why }
    this.#sendOwn(server, batch)
  }

  #noteTraces(server: OwnServer, { records }: Batch): void {
    for (const record of records) {
      const { nature, text } = record
      if (nature.leavesTraces) {
        server.traced = true
        server.tainted ||= outlivesCleaning(record)
        if (!isPlainDdl(record)) {
          this.#keeps = true
          this.#suspects.add(text)
        }
      }
      this.#changedCatalogue ||= changesCatalogue(record)
      // A standby writes nothing, whatever it is asked.
      this.#wrote ||= nature.writes && !server.connection.isStandby
      this.#mayDeferFlush ||= nature.mayDeferFlush || this.#settings.has('synchronous_commit')
    }
  }

  #noteBeginning(server: OwnServer, records: readonly StatementRecord[]): void {
    if (!server.connection.isStandby) return
    const [record] = records
    if (this.#status === 'I')
      this.#beganThere =
        record !== undefined && opensReadOnly(records) && !/isolation|deferrable/i.test(record.shape)
          ? record.text
          : null
    else if (!records.every(({ facts, nature }) => facts.kind === 'read' && !nature.leavesTraces))
      this.#beganThere = null
  }

  bytes(piece: Buffer): void {
    if (this.#batch !== null) {
      this.#batch.told = true
      if (isExplain(this.#batch.records) && piece.equals(EXPLAINED) && this.#plan !== null)
        this.#output.say(explainRow(this.#plan))
    }
    this.#output.say(piece)
  }

  /** The answer to an EXPLAIN, with where that is. */
  #withNode(answer: Buffer): Buffer {
    const at = answer.lastIndexOf(EXPLAINED)
    if (at < 0 || this.#plan === null) return answer
    return Buffer.concat([answer.subarray(0, at), explainRow(this.#plan), answer.subarray(at)])
  }

  error(sqlState: string | null, message: Buffer): void {
    const batch = this.#batch
    if (batch !== null) batch.failed = true
    this.#context.meter.failed(sqlState)
    this.bytes(batch === null ? message : withClientNames(message, batch.requests))
  }

  parameter(name: string, value: string): void {
    if (name === 'client_encoding') this.#useEncoding(value)
    if (name !== 'in_hot_standby') this.#output.say(parameterStatus(name, value))
  }

  /** A text in another encoding is not read here: what it would be judged by may not be what it says. */
  #useEncoding(encoding: string): void {
    this.#isUtf8 = encoding === 'UTF8'
    this.#statements.isUtf8 = this.#isUtf8
  }

  copyIn(): void {
    this.#copyIn = true
    this.#goOn()
  }

  ready(status: TransactionStatus): void {
    const batch = this.#batch
    if (batch !== null) {
      this.#context.meter.answered(performance.now() - batch.startedMs)
      if (batch.setting !== null && !batch.failed) this.#noteSetting(batch.setting)
    }
    this.#batch = null
    this.#copyIn = false
    this.#status = status
    this.#output.say(readyForQuery(status))
    if (status === 'I') this.#ended()
    this.#goOn()
  }

  #noteSetting(change: SettingChange): void {
    this.#settings = this.#settings.after(change, this.#startSettings)
    if (change.kind === 'reset all') this.#consistency = this.#startConsistency
    const server = this.#own as OwnServer
    server.settings = server.settings.after(change, SessionSettings.NONE)
  }

  /** A transaction has ended, or a statement that was one. */
  #ended(): void {
    const server = this.#own as OwnServer
    if (this.#wrote) {
      this.#writes.noteWrite(!this.#mayDeferFlush && !server.traced)
      this.#wrote = false
    }
    this.#mayDeferFlush = false
    if (this.#changedCatalogue) {
      this.#changedCatalogue = false
      this.#book.changed()
      void this.#book.loading?.then(() => this.#absolve())
    }
    if (!this.#keeps) this.#release()
  }

  forgotten(isAll: boolean): void {
    this.#statements.clear()
    // Outside of transactions only, and alone.
    if (!isAll || this.#own === null) return
    this.#own.traced = this.#keeps = false
    this.#own.settings = SessionSettings.NONE
    this.#settings = this.#startSettings
    this.#consistency = this.#startConsistency
  }

  /** What was made in a transaction was not known to be harmless when it was used there. */
  #absolve(): void {
    const server = this.#own
    if (server === null || this.#batch !== null || this.#status !== 'I') return
    if ([...this.#suspects].some((text) => this.#book.look(text).nature.leavesTraces)) return
    server.traced = server.tainted = false
    this.#release()
  }

  #release(): void {
    const server = this.#own
    if (server === null) return
    this.#own = null
    this.#keeps = false
    this.#suspects.clear()
    this.#pool?.giveBack(server)
    this.#pool = null
  }

  /** Its server connection ended. */
  lost(error: Error): void {
    // What is held has not begun.
    const batch = this.#held ? null : this.#batch
    const kept = batch === null ? this.#keeps : batch.afterKept
    this.#keeps = false
    this.#own = null
    this.#pool = null
    this.#copyIn = false
    // It may have been paused for the server to keep up.
    this.#waitsForServer = false
    this.socket.resume()
    const inTransaction = this.#status !== 'I'
    this.#status = 'I'
    if (kept) {
      this.#fatal({
        severity: 'FATAL',
        code: '08006',
        message: `The connection to the server was lost, and the state of this session with it: ${error.message}`,
      })
      return
    }
    const wrote = this.#wrote
    this.#wrote = this.#mayDeferFlush = false
    if (inTransaction) this.#loseTransaction(batch, error)
    else if (batch !== null) this.#loseStatement(batch, wrote, error)
  }

  #loseTransaction(batch: Batch | null, error: Error): void {
    // Only a COMMIT may have taken effect.
    const mayHaveCommitted = batch?.records.some(
      ({ facts, nature }) => facts.kind === 'transaction' || !nature.isSingle,
    )
    if (batch !== null && mayHaveCommitted) {
      this.#writes.noteWrite(false)
      this.#tellError(batch, unknownOutcome(error))
      return
    }
    const lost: ServerReport = {
      severity: 'ERROR',
      code: '08006',
      message: `The transaction was rolled back: the connection to its server was lost (${error.message}).`,
      hint: 'Run it again.',
    }
    this.#status = 'E'
    if (batch === null) this.#lostTransaction = lost
    else this.#answerLost(batch, lost)
  }

  #loseStatement(batch: Batch, wrote: boolean, error: Error): void {
    if (!wrote && !batch.told) this.#again(batch, '', { kind: 'cut off', error })
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
    if (this.#closed) return
    const { meter } = this.#context
    if (message[0] === FROM_SERVER.error) meter.failed(reportField(message, 'C'))
    meter.answered(performance.now() - batch.startedMs)
    this.#batch = null
    this.#forgetUnparsed(batch)
    this.#output.say(message)
    this.#output.say(readyForQuery(this.#status))
    this.#goOn()
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
    if (this.#own !== null && !this.#held) void this.#own.connection.cancel()
    else {
      // On a lane it is a read: whatever comes of it, nobody waits for it any more.
      this.#stopWaiting?.()
      this.#tellError(batch, {
        severity: 'ERROR',
        code: QUERY_CANCELED,
        message: 'canceling statement due to user request',
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
    this.#stopWaiting?.()
    const server = this.#own
    if (server !== null) {
      if (this.#batch !== null) {
        // What is under way would go on for nobody, and a server notices that nobody listens when it answers.
        server.detach()
        void server.connection.cancel().then(() => server.destroy())
      } else {
        this.#release()
      }
    }
    this.#own = null
    this.#batch = null
    this.#context.closed(this)
  }
}

let turns = 0

const QUERY_CANCELED = '57014'
const FLUSH = Buffer.from([FROM_CLIENT.flush, 0, 0, 0, 4])
/** Errors of lanes' own making: their patience, and prepared plans and names. */
const LANE_ONLY: ReadonlySet<string> = new Set([QUERY_CANCELED, '26000', '42P05', '0A000'])
/** A standby refuses it, and the primary may not. What is on a lane only reads. */
function isOfStandby(role: 'primary' | 'standby', sqlState: string): boolean {
  return role === 'standby' && judgeFailure({ progress: 'refused', sqlState, role }, true) === 'repeat'
}

function isExecute(request: Request): boolean {
  return request.kind === 'portal' && request.step === 'execute'
}

const EXPLAINED = commandComplete('EXPLAIN')
/** Other formats are for programs. */
const NOT_FOR_PEOPLE = /\bformat\s+'?(?:json|xml|yaml)/i

function isExplain(records: readonly StatementRecord[]): boolean {
  const [record] = records
  return record !== undefined && record.facts.command === 'EXPLAIN' && !NOT_FOR_PEOPLE.test(record.text)
}

/** Why a batch was given to a node of this role. */
function whyThere(
  records: readonly StatementRecord[],
  role: 'primary' | 'standby',
  mayUseStandby: boolean,
  position: Lsn | null,
  chosen: string,
): string {
  if (role === 'standby') return 'it only reads'
  if (!mayUseStandby)
    return records.find(({ judgement }) => !judgement.reads)?.judgement.why ?? 'it may write'
  if (position === null) return 'what it may see is with the primary alone'
  return chosen === 'behind' ? 'no standby has all that it must see' : 'no standby is there'
}

/** PostgreSQL drops these after an error, up to the Sync. */
const SKIPPED: ReadonlySet<number> = new Set([
  FROM_CLIENT.query,
  FROM_CLIENT.parse,
  FROM_CLIENT.bind,
  FROM_CLIENT.describe,
  FROM_CLIENT.execute,
  FROM_CLIENT.close,
  FROM_CLIENT.flush,
  FROM_CLIENT.functionCall,
])

const FORGETS: ReadonlySet<string> = new Set(['DEALLOCATE', 'DISCARD'])

const FAILED_TRANSACTION: ServerReport = {
  severity: 'ERROR',
  code: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
}

function unknownOutcome(error: Error): ServerReport {
  return {
    severity: 'ERROR',
    code: '08007',
    message: `The connection to the server was lost while this was under way (${error.message}); it may or may not have taken effect.`,
    hint: 'Look whether it did before you send it again.',
  }
}
