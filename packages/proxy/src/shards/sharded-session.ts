import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CopyRoute,
  isHarmless,
  type Route,
  type RoutePlanner,
  type StatementPart,
  type StatementRecord,
  type Step,
  savepointOf,
  settingStep,
} from '@pgherd/client/internal'
import type pg from 'pg'
import { makeQuery } from '../protocol/client-messages.js'
import { commandComplete, type ServerReport, type TransactionStatus } from '../protocol/server-messages.js'
import { LoginRefused } from '../server/server-connection.js'
import { encodeRequests, type Request, withClientNames } from '../session/batch.js'
import type { Batch } from '../session/client-batch.js'
import { type Reply, Seat, type SeatUser } from '../session/seat.js'
import { failed, HerdTransaction } from './herd-transaction.js'
import { type Answered, joinAnswers, readAnswer, ServerError } from './replies.js'
import { notSupported, reportOf, sqlError } from './report-of.js'
import type { Guest, ShardedDatabase } from './sharded-database.js'
import { COPY_HEAD_BYTES, SpreadCopy } from './spread-copy.js'
import { askOn, TransactionPart } from './transaction-part.js'
import { answersAfter, answerTo, encodePart, preparing, textOfValue } from './unit-messages.js'
import { rowLimitOf, type Unit, unitsOf } from './units.js'
import type { WireValue } from './wire-values.js'

/** A session of which some statements are for other groups. */
export interface ShardedHost extends SeatUser {
  /** It is still under way, and somebody waits for it. */
  isUnderWay(batch: Batch): boolean
  /** All it does is change a setting that can be said again on any connection. */
  isRepeatable(batch: Batch): boolean
  /** Runs a batch as in a herd of this one group. */
  runOn(seat: Seat, batch: Batch): void
  /** Considers it anew. */
  again(batch: Batch): void
  /** Says something of it; more of it is to come. */
  answerAhead(batch: Batch, message: Buffer): void
  /** Has its client say what is to be copied. */
  beginCopy(response: Buffer): void
  /** These were parsed nowhere. */
  forget(requests: readonly Request[]): void
  /** Ends the session. */
  fatal(report: ServerReport): void
  /** Ends it with what is to be said; `where` ran it. */
  answer(batch: Batch, message: Buffer, where: readonly Seat[]): void
  /** Gets a connection to the primary for a seat; rejects when none can be had for long. */
  take(seat: Seat): Promise<void>
}

/** What a group says to whom is under another epoch of the shard map, or took it for another group. */
const OTHER_EPOCH = 'PH001'
/** Its name, and the query that it is for. */
const CURSOR =
  /^\s*declare\s+("(?:[^"]|"")+"|\S+)\s+(?:(?:binary|asensitive|insensitive|no|scroll)\s+)*cursor\s+(?:with(?:out)?\s+hold\s+)?for\s+(.+)$/is
const OF_CURSOR: ReadonlySet<string> = new Set(['FETCH', 'MOVE', 'CLOSE', 'CLOSE CURSOR'])

/** What one client does in a database whose tables are spread over groups. */
export class ShardedSession {
  readonly #database: ShardedDatabase
  readonly #guest: Guest
  readonly #host: ShardedHost
  readonly #seats = new Map<string, Seat>()
  #federation: Seat | null = null
  readonly #transaction: HerdTransaction
  /** By the schema as its transaction has changed it. */
  #planner: RoutePlanner | null = null
  /** Where the portals and cursors of its transaction are, by name. */
  readonly #portals = new Map<string, Seat>()
  readonly #cursors = new Map<string, Seat>()
  #copying: SpreadCopy | null = null
  #turn = 0
  /** Where more is to come for what was asked up to a Flush. */
  #flushed: Seat | null = null
  /** It is run beside the transaction. */
  #outside: Batch | null = null
  /** Nothing is read up to the next Sync. */
  #skips = false
  /** Nobody is there any more; what must come to an end still does. */
  #closed = false
  #isRunning = false

  constructor(database: ShardedDatabase, guest: Guest, host: ShardedHost) {
    this.#database = database
    this.#guest = guest
    this.#host = host
    this.#transaction = new HerdTransaction({
      home: database.home,
      take: (seat) => host.take(seat),
      endPrepared: (group, statement) => database.endPrepared(group, statement),
      schemaChanged: () => database.schemaChanged(),
    })
  }

  get status(): TransactionStatus {
    return this.#transaction.status
  }

  get homeSeat(): Seat {
    return this.#seatIn(this.#database.home)
  }

  get seats(): readonly Seat[] {
    return [...this.#seats.values(), ...(this.#federation === null ? [] : [this.#federation])]
  }

  #seatIn(group: string): Seat {
    let seat = this.#seats.get(group)
    if (seat === undefined) {
      seat = new Seat(this.#database.placeIn(group, this.#guest), this.#host)
      this.#seats.set(group, seat)
    }
    return seat
  }

  async #federationSeat(): Promise<Seat> {
    // It is in the same cluster: what was written there is to be seen here.
    this.#federation ??= new Seat(
      await this.#database.federationFor(this.#guest),
      this.#host,
      this.homeSeat.writes,
    )
    return this.#federation
  }

  // ---- a batch

  /** Runs it where its rows are. */
  begin(batch: Batch): void {
    this.#database.learnOften()
    if (this.#skips) {
      this.#skip(batch)
      return
    }
    try {
      const units = unitsOf(batch, (text) => this.#database.look(text))
      batch.records = units.flatMap(({ record }) => record ?? [])
      const isDone = units.some(({ record, portal }) => record !== null || portal !== null)
      if (this.#flushed !== null) this.#goOnThere(this.#flushed, units, isDone, batch)
      else if (batch.isFunctionCall) this.#runOn(this.homeSeat, units, batch)
      else if (batch.partial && !isDone) void this.#prepareAhead(units, batch)
      else {
        const only = this.#onlySeat(units, batch)
        if (only === null) void this.#runUnits(units, batch)
        else if (only === 'federation') void this.#runFederated(units, batch)
        else this.#runOn(only, units, batch)
      }
    } catch (error) {
      this.refused(batch, error as Error)
    }
  }

  /** It was not let run: that may pass, or is to be told. */
  refused(batch: Batch, error: Error): void {
    if (!this.#host.isUnderWay(batch)) return
    if (this.#database.mayLearn(error)) {
      // It may have been made since.
      this.#database.learn().then(
        () => this.#host.again(batch),
        () => this.#refuse(batch, error),
      )
      return
    }
    const mayPass = isOtherEpoch(error) && this.#transaction.joined.size === 0
    if (mayPass && performance.now() < batch.deadlineMs) {
      this.#alone(() => this.#moveOn(++batch.cutOffs)).then(
        () => this.#host.again(batch),
        (why: Error) => this.#refuse(batch, why),
      )
      return
    }
    this.#refuse(batch, error)
  }

  #refuse(batch: Batch, error: Error): void {
    if (!this.#host.isUnderWay(batch)) return
    const told = this.#transaction.isOpen && isOtherEpoch(error) ? mapChanged() : error
    this.#transaction.fail()
    const report = withClientNames(reportOf(told), batch.requests)
    this.#host.forget(batch.requests)
    if (!batch.partial) {
      this.#host.answer(batch, report, [])
      return
    }
    this.#skips = true
    this.#host.answerAhead(batch, report)
  }

  /** After an error nothing is read up to the Sync. */
  #skip(batch: Batch): void {
    if (batch.partial) this.#host.answerAhead(batch, NOTHING)
    else {
      this.#skips = false
      this.#host.answer(batch, NOTHING, [])
    }
  }

  /** Where what came before a Flush is. */
  #goOnThere(seat: Seat, units: readonly Unit[], isDone: boolean, batch: Batch): void {
    let where: Seat | 'federation' | null = seat
    try {
      if (isDone) where = this.#onlySeat(units, batch)
    } catch {
      where = null
    }
    if (where !== seat) {
      // A part of it is with a server already, and cannot be taken back by itself.
      this.#host.fatal({ severity: 'FATAL', code: '0A000', message: FLUSHED, hint: 'Leave the Flush out.' })
      return
    }
    if (!batch.partial) this.#flushed = null
    this.#host.runOn(seat, batch)
  }

  /** What it was in has failed before its Sync. */
  skipAfter(batch: Batch, report: Buffer): void {
    this.#skips = true
    this.#host.answerAhead(batch, report)
  }

  /** Statements that are prepared, and a Flush: who asks is to hear of them before it says what it does with them. */
  async #prepareAhead(units: readonly Unit[], batch: Batch): Promise<void> {
    try {
      if (this.status === 'E') throw failed()
      const where = this.#describing(units)
      const { bytes, error } = await this.#alone(async () => {
        const seat = where === 'federation' ? await this.#federationSeat() : where
        const wasFree = seat.own === null
        if (wasFree) await this.#host.take(seat)
        const reply = await this.#exchange(seat, batch.requests)
        if (wasFree && !this.#transaction.joined.has(seat)) seat.release()
        return reply
      })
      if (error !== null) {
        this.#skips = true
        this.#transaction.fail()
      }
      this.#host.answerAhead(batch, bytes)
    } catch (error) {
      this.refused(batch, error as Error)
    }
  }

  // ---- where it goes

  /** Where all of it can be run as it is; null: it is for several, or about more than one group. */
  #onlySeat(units: readonly Unit[], batch: Batch): Seat | 'federation' | null {
    const doing = units.filter(({ record, portal }) => record !== null || portal !== null)
    if (this.status === 'E') return null
    if (doing.length === 0) return this.#describing(units)
    let only: Seat | 'federation' | null = null
    for (const unit of doing) {
      const where = this.#whereOf(unit, doing.length === 1 ? batch : null)
      if (where === null || (only !== null && only !== where)) return null
      only = where
    }
    return only
  }

  /** `alone`: the batch of which it is all. */
  #whereOf({ record, portal, values }: Unit, alone: Batch | null): Seat | 'federation' | null {
    if (record === null) return this.#portals.get(portal as string) ?? this.homeSeat
    if (record.facts.kind === 'transaction') return null
    if (TAKES_ALL_BACK.test(record.shape) && alone !== null && !this.#transaction.isOpen) {
      this.#discard()
      return this.homeSeat
    }
    if (settingStep(record, { text: record.text }) !== null) {
      const isPlain = this.status === 'I' && !this.#transaction.isPinned
      return isPlain && alone !== null && this.#host.isRepeatable(alone) ? this.homeSeat : null
    }
    const cursor = this.#cursorOf(record)
    if (cursor !== null) return cursor
    if (record.facts.command === 'COPY') return this.#whereToCopy(record, alone)
    const route = this.#route(record, values)
    switch (route.kind) {
      case 'group':
        return route.text === undefined ? this.#seatIn(route.group) : null
      case 'scatter':
      case 'federation':
        return this.#transaction.surroundings.length === 0 || CURSOR.test(record.text) ? 'federation' : null
      case 'each':
      case 'parts':
        return null
    }
  }

  /** What was set is taken back at home; other connections are cleaned when they are given back. */
  #discard(): void {
    this.#transaction.discard()
    for (const seat of this.seats) {
      if (seat === this.homeSeat || seat.own === null) continue
      seat.own.traced = true
      seat.release()
    }
  }

  #whereToCopy(record: StatementRecord, alone: Batch | null): Seat | 'federation' | null {
    const route = this.#routeCopy(record)
    if (route.kind === 'group') return this.#seatIn(route.group)
    if (alone?.simple == null)
      throw notSupported('COPY with a table that is spread goes by the simple protocol, by itself.')
    if (route.kind !== 'federation') return null
    if (this.#transaction.surroundings.length > 0)
      throw notSupported('COPY out of several shards does not go along with what was set for the session.')
    alone.simple = { message: makeQuery(route.text), text: route.text }
    return 'federation'
  }

  #routeCopy(record: StatementRecord): CopyRoute {
    const near = this.#near
    if (this.#planner === null) return this.#database.routeCopy(record, near)
    return this.#planner.routeCopy(record, near, this.#turn++, (text) => this.#database.look(text))
  }

  /** Groups that its transaction has to do with already. */
  get #near(): ReadonlySet<string> {
    return new Set([...this.#transaction.joined].map(({ place }) => place.group))
  }

  /** Where the cursor is that it is about; null: it is about none, or none is known. */
  #cursorOf({ facts, shape }: StatementRecord): Seat | null {
    return OF_CURSOR.has(facts.command) ? (this.#cursors.get(savepointOf(shape)) ?? null) : null
  }

  #route(record: StatementRecord, values: readonly WireValue[]): Route {
    if (record.facts.command === 'PREPARE' && this.#database.spreadTable(record) !== null)
      throw notSupported(
        'PREPARE does not say which shard EXECUTE will go to.',
        'Prepare statements by the protocol, as drivers do.',
      )
    const near = this.#near
    const query = CURSOR.exec(record.text)?.[2]
    const asked = query === undefined ? record : this.#database.look(query)
    if (this.#planner !== null) return this.#planner.route(asked, values, near, this.#turn++)
    return this.#database.route(asked, values, near)
  }

  /** Who can say what statements take and give that are only prepared. */
  #describing(units: readonly Unit[]): Seat | 'federation' {
    const texts = units.flatMap(({ requests }) =>
      requests.flatMap((request) =>
        (request.kind === 'parse' || request.kind === 'describe statement') && request.statement !== null
          ? [request.statement.text]
          : [],
      ),
    )
    const where = texts.map((text) => this.#database.describing(this.#database.look(text)))
    if (where.includes('federation')) return 'federation'
    if (!where.includes('shard')) return this.homeSeat
    const shards = this.#database.shards.map((group) => this.#seatIn(group))
    return shards.find((seat) => this.#transaction.joined.has(seat)) ?? (shards[0] as Seat)
  }

  // ---- on one group

  #runOn(seat: Seat, units: readonly Unit[], batch: Batch): void {
    for (const { record, portal } of units) {
      if (portal !== null) this.#portals.set(portal, seat)
      const cursor = record === null ? undefined : CURSOR.exec(record.text)?.[1]
      if (cursor !== undefined) this.#cursors.set(savepointOf(cursor), seat)
    }
    if (batch.partial) this.#flushed = seat
    const { isOpen, isPinned, joined } = this.#transaction
    if (isOpen ? joined.has(seat) : !isPinned) {
      this.#host.runOn(seat, batch)
      return
    }
    this.#alone(() => this.#transaction.join(seat)).then(
      () => {
        if (!this.#host.isUnderWay(batch)) return
        if (this.status === 'E') this.lostBefore(batch)
        else this.#host.runOn(seat, batch)
      },
      (error: Error) => {
        this.#flushed = null
        this.refused(batch, error)
      },
    )
  }

  /** While it runs nothing else happens to its batch: what is lost meanwhile, or who goes away, is seen after it. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#isRunning = true
    try {
      return await work()
    } finally {
      this.#isRunning = false
      if (this.#closed) this.#leave()
    }
  }

  /** As it is, outside of the transaction: what that has written cannot be seen there. */
  async #runFederated(units: readonly Unit[], batch: Batch): Promise<void> {
    try {
      this.#checkFederated()
      const seat = await this.#federationSeat()
      if (!this.#host.isUnderWay(batch)) return
      const isKept = ({ record, portal }: Unit): boolean =>
        portal !== null && portal !== '' ? true : record !== null && CURSOR.test(record.text)
      const goesOn = units.some((unit) => isKept(unit) || rowLimitOf(unit) > 0)
      if (this.#transaction.isOpen && goesOn) this.#runOn(seat, units, batch)
      else {
        // It takes its time, and a standby may not have heard yet how shards are to be reached now.
        batch.onOwn = batch.onPrimary = true
        this.#outside = batch
        this.#host.runOn(seat, batch)
      }
    } catch (error) {
      this.refused(batch, error as Error)
    }
  }

  #checkFederated(): void {
    if (this.#transaction.wrote || this.#transaction.isOfOneSnapshot)
      throw notSupported(
        'A read of several shards sees what is committed: it cannot see what this transaction has written, nor keep to its snapshot.',
      )
  }

  /** It may only run on the connection that its seat has. */
  isPart(batch: Batch): boolean {
    return (this.#transaction.isOpen || this.#transaction.isPinned) && this.#outside !== batch
  }

  /** The connection that it was to run on is gone. */
  lostBefore(batch: Batch): void {
    this.#refuse(batch, this.#transaction.tellLoss() ?? failed())
  }

  /** What was run as on one group has ended there with this status. */
  heard(status: TransactionStatus, hasFailed: boolean): TransactionStatus {
    if (!this.#transaction.isOpen) return status
    if (status === 'E' || hasFailed) this.#transaction.fail()
    return this.#transaction.status
  }

  // ---- on several

  async #runUnits(units: readonly Unit[], batch: Batch): Promise<void> {
    if (batch.partial) {
      this.#refuse(batch, notSupported('What is for several groups is asked for up to a Sync, not a Flush.'))
      return
    }
    const used = new Set<Seat>()
    const answer = await this.#alone(() => this.#runUntilDone(units, used, batch.deadlineMs))
    this.#host.answer(batch, withClientNames(answer, batch.requests), [...used])
  }

  async #runUntilDone(units: readonly Unit[], used: Set<Seat>, deadlineMs: number): Promise<Buffer> {
    for (let tries = 1; ; tries++) {
      used.clear()
      const { answer, again } = await this.#tryUnits(units, used)
      if (again === null || performance.now() > deadlineMs || this.#closed) return answer
      try {
        await again(tries)
      } catch (error) {
        return reportOf(error as Error)
      }
    }
  }

  /** `again`: nothing of it took effect, and after this it can be tried once more. */
  async #tryUnits(
    units: readonly Unit[],
    used: Set<Seat>,
  ): Promise<{ answer: Buffer; again: Remedy | null }> {
    const answers: Buffer[] = []
    const wasOpen = this.#transaction.isOpen
    let mayRepeat = !wasOpen
    let isImplicit = false
    let at = 0
    try {
      for (; at < units.length; at++) {
        const unit = units[at] as Unit
        const { record } = unit
        if (record !== null && record.facts.kind === 'transaction') {
          mayRepeat = false
          isImplicit &&= !/^(BEGIN|START)/.test(record.facts.command)
          answers.push(await this.#control(unit, record))
          continue
        }
        if (this.status === 'E') throw this.#transaction.tellLoss() ?? failed()
        if (record?.facts.command === 'COPY') {
          isImplicit = !this.#transaction.isOpen
          if (isImplicit) this.#transaction.begin()
          const begun = (): void => {
            // What has been copied will not come again.
            mayRepeat = false
          }
          answers.push(await this.#copyIn(record, used, begun))
          continue
        }
        const route = this.#routeOf(unit)
        if (route?.kind === 'each' && route.apart) {
          if (this.#transaction.isOpen)
            throw notSupported(`${record?.facts.command} cannot run inside a transaction here.`)
          mayRepeat = false
          answers.push(await this.#runApart(unit, route.groups, used))
          continue
        }
        if (!this.#transaction.isOpen && route !== null) {
          this.#transaction.begin()
          isImplicit = true
        }
        answers.push(await this.#runUnit(unit, route, used))
      }
      if (isImplicit) await this.#end(true)
      return { answer: Buffer.concat(answers), again: null }
    } catch (failure) {
      const error = failure as Error
      const wasJoined = wasOpen && this.#transaction.joined.size > 0
      if (isImplicit) await this.#end(false).catch(() => {})
      else this.#transaction.fail()
      const again = mayRepeat ? this.#whatHelps(error) : null
      // Of the one that failed a server knows what was parsed, unless none has seen it.
      const unseen = units.slice(error instanceof ServerError ? at + 1 : at)
      if (again === null) this.#host.forget(unseen.flatMap(({ requests }) => requests))
      const told = wasJoined && isOtherEpoch(error) ? mapChanged() : error
      // One simple statement is answered when it is committed, and not before.
      const before = isImplicit && units[0]?.simple !== null ? [] : answers
      return { answer: Buffer.concat([...before, reportOf(told)]), again }
    }
  }

  /** After which it can be tried again, where nothing of it took effect; null: it would be the same again. */
  #whatHelps(error: Error): Remedy | null {
    if (this.#database.mayLearn(error)) return () => this.#database.learn()
    if (isOtherEpoch(error)) return (tries) => this.#moveOn(tries)
    return (error as { code?: string }).code === 'TRANSACTION_LOST' ? (tries) => sleep(pauseMs(tries)) : null
  }

  /** To the map that is in force now; while it is changed there are two. */
  async #moveOn(tries: number): Promise<void> {
    await sleep(pauseMs(tries))
    await this.#database.reload()
  }

  async #end(commits: boolean): Promise<string> {
    this.#planner = null
    this.#portals.clear()
    this.#cursors.clear()
    return this.#transaction.end(commits)
  }

  /** Null: it is a setting, or only prepares something. */
  #routeOf({ record, values, portal }: Unit): Route | null {
    if (record === null) return portal === null ? null : { kind: 'group', group: this.#groupOfPortal(portal) }
    if (settingStep(record, { text: record.text }) !== null) return null
    const cursor = this.#cursorOf(record)
    return cursor === null ? this.#route(record, values) : { kind: 'group', group: cursor.place.group }
  }

  #groupOfPortal(portal: string): string {
    return (this.#portals.get(portal) ?? this.homeSeat).place.group
  }

  async #control(unit: Unit, record: StatementRecord): Promise<Buffer> {
    if (record.facts.statements > 1)
      throw notSupported('BEGIN, COMMIT and the like go each by themselves to a herd that is sharded.')
    const ends = /^(COMMIT|ROLLBACK)$/.test(record.facts.command)
    if (ends) {
      this.#planner = null
      this.#portals.clear()
      this.#cursors.clear()
    }
    const tag = await this.#transaction.control(record, record.text)
    if (record.facts.command === 'ROLLBACK TO' && this.#planner !== null) await this.#learnOwn()
    return answerTo(unit, commandComplete(tag))
  }

  async #runUnit(unit: Unit, route: Route | null, used: Set<Seat>): Promise<Buffer> {
    const { record } = unit
    if (route === null) return record === null ? this.#prepare(unit, used) : this.#set(unit, record, used)
    if ((route.kind === 'each' || route.kind === 'parts') && rowLimitOf(unit) > 0)
      throw notSupported('What several groups do together is answered with all of its rows at once.')
    switch (route.kind) {
      case 'group': {
        const seat = await this.#join(route.group, used)
        if (unit.portal !== null) this.#portals.set(unit.portal, seat)
        if (route.text === undefined) return this.#askAsGiven(seat, unit)
        const part = { group: route.group, text: route.text, values: unit.values, rows: [] }
        return this.#runParts(unit, [part], used)
      }
      case 'each': {
        const answers: Answered[] = []
        // One after the other, in one order everywhere: so two of them do not wait for each other.
        for (const group of route.groups)
          answers.push(readAnswer(await this.#askAsGiven(await this.#join(group, used), unit)))
        if (record !== null) await this.#noteSchema(record)
        return joinAnswers(route.whole ? answers.slice(0, 1) : answers, null)
      }
      case 'parts':
        return this.#runParts(unit, route.parts, used)
      case 'scatter':
      case 'federation':
        return this.#askFederation(unit, used)
    }
  }

  async #join(group: string, used: Set<Seat>, several = false): Promise<Seat> {
    const seat = this.#seatIn(group)
    used.add(seat)
    await this.#transaction.join(seat, several)
    return seat
  }

  /** What only prepares, or is only closed. */
  async #prepare(unit: Unit, used: Set<Seat>): Promise<Buffer> {
    const where = this.#describing([unit])
    const seat = where === 'federation' ? await this.#federationSeat() : where
    used.add(seat)
    const wasFree = seat.own === null
    if (wasFree) await this.#host.take(seat)
    const { bytes, error } = await this.#exchange(seat, unit.requests)
    if (wasFree && !this.#transaction.joined.has(seat)) seat.release()
    if (error !== null) throw new ServerError(error)
    return bytes
  }

  /** Rejects with ServerError. */
  async #askAsGiven(seat: Seat, { simple, requests, record }: Unit): Promise<Buffer> {
    if (record !== null) this.#noteRun(seat, record.text)
    const reply =
      simple === null ? await this.#exchange(seat, requests) : await seat.exchange([simple.message], null)
    return answeredOrThrow(reply, seat)
  }

  /** What a text leaves there is judged by what that group has under its names. */
  #noteRun(seat: Seat, text: string): void {
    if (seat.own !== null) seat.traces.note(seat.own, [seat.place.book.look(text)], false)
  }

  async #exchange(seat: Seat, requests: readonly Request[]): Promise<Reply> {
    const { own } = seat
    const { parts, script, prepares } = encodeRequests(requests, own?.prepared ?? new Set(), {
      sync: true,
      failed: false,
    })
    for (const statement of prepares) own?.prepared.add(statement)
    return seat.exchange(parts, script)
  }

  /** What its client copies, to the shards that it is for. */
  async #copyIn(record: StatementRecord, used: Set<Seat>, begun: () => void): Promise<Buffer> {
    const route = this.#routeCopy(record)
    if (route.kind !== 'split' && route.kind !== 'copies') throw new Error('the COPY is for one group')
    const copy = new SpreadCopy({
      text: route.text,
      groups: route.groups,
      splitter: route.kind === 'split' ? route.splitter(route.groups[0] as string, COPY_HEAD_BYTES) : null,
      join: (group) => this.#join(group, used, true),
    })
    try {
      const response = await copy.begin()
      this.#copying = copy
      begun()
      this.#host.beginCopy(response)
      const rows = await copy.done()
      for (const [seat, count] of rows) if (count > 0 || !route.quiet) this.#noteRun(seat, record.text)
      const counts = [...rows.values()]
      const sum = route.kind === 'copies' ? counts[0] : counts.reduce((all, count) => all + count, 0)
      return commandComplete(`COPY ${sum}`)
    } finally {
      this.#copying = null
    }
  }

  /** Takes what its client copies to several groups; null: it copies to one, or does not. */
  get copying(): SpreadCopy | null {
    return this.#copying
  }

  /** Each by a text of its own; the answer is that to the whole. */
  async #runParts(unit: Unit, parts: readonly StatementPart[], used: Set<Seat>): Promise<Buffer> {
    const seats: Seat[] = []
    for (const { group } of parts) seats.push(await this.#join(group, used, parts.length > 1))
    // How it looks is asked of one, since what is run there is another text.
    const asked = preparing(unit)
    const first = seats[0] as Seat
    const before = asked.length === 0 ? NOTHING : answeredOrThrow(await this.#exchange(first, asked), first)
    const running = parts.map(async ({ text, values }, at) => {
      const seat = seats[at] as Seat
      this.#noteRun(seat, text)
      const reply = await seat.exchange(encodePart(unit, text, values as readonly WireValue[]), null)
      return readAnswer(answeredOrThrow(reply, seat), unit.simple === null)
    })
    // What still runs would go on after the transaction has ended.
    const ended = await Promise.allSettled(running)
    const answers = ended.map((each) => {
      if (each.status === 'rejected') throw each.reason
      return each.value
    })
    const whole = joinAnswers(answers, parts.length === 1 ? null : parts.map(({ rows }) => rows))
    return unit.simple === null ? Buffer.concat([before, whole, ...answersAfter(unit)]) : whole
  }

  /** By a connection that has been told what the transaction has set. */
  async #askFederation(unit: Unit, used: Set<Seat>): Promise<Buffer> {
    this.#checkFederated()
    const seat = await this.#federationSeat()
    used.add(seat)
    const wasFree = seat.own === null
    if (wasFree) await this.#host.take(seat)
    const { surroundings } = this.#transaction
    try {
      if (seat.own !== null && surroundings.length > 0) seat.own.traced = seat.own.tainted = true
      for (const text of surroundings) await askOn(seat, text)
      if (unit.record !== null) this.#noteRun(seat, unit.record.text)
      const { simple, requests } = unit
      const reply =
        simple === null ? await this.#exchange(seat, requests) : await seat.exchange([simple.message], null)
      return answeredOrThrow(reply, seat)
    } finally {
      if (wasFree && (surroundings.length > 0 || !seat.traces.keeps)) seat.release()
    }
  }

  /** On each by itself; what failed where is told when all have answered. */
  async #runApart(unit: Unit, groups: readonly string[], used: Set<Seat>): Promise<Buffer> {
    const seats: Seat[] = []
    for (const group of groups) {
      const seat = this.#seatIn(group)
      used.add(seat)
      if (seat.own === null) await this.#host.take(seat)
      seats.push(seat)
    }
    const answers = await Promise.allSettled(seats.map((seat) => this.#askAsGiven(seat, unit)))
    for (const seat of seats)
      if (seat.own !== null && !seat.traces.keeps) {
        seat.ended()
        seat.release()
      }
    await this.#database.schemaChanged()
    const refused = answers.flatMap((answer, at) =>
      answer.status === 'rejected' ? [{ group: groups[at], error: answer.reason as Error }] : [],
    )
    const [first] = refused
    if (first === undefined) return (answers[0] as PromiseFulfilledResult<Buffer>).value
    const where = `${refused.map(({ group }) => group).join(', ')} of ${groups.join(', ')}`
    const { code = 'XX000' } = first.error as { code?: string }
    throw sqlError(code, `${first.error.message} (${where}; the others have it done)`)
  }

  /** Holds on every group, also on those that are not part of the transaction yet. */
  async #set(unit: Unit, record: StatementRecord, used: Set<Seat>): Promise<Buffer> {
    const config: pg.QueryConfig = { text: record.text }
    if (unit.values.length > 0) config.values = unit.values.map(textOfValue)
    if (this.#transaction.isOpen && /^discard all$/i.test(record.shape))
      throw sqlError('25001', 'DISCARD ALL cannot run inside a transaction block')
    if (CHANGES_MEANING.test([record.text, ...(config.values ?? [])].join(' '))) {
      // As it is already, or nobody could say what its texts mean.
      if (AS_IT_IS.test(record.text)) return answerTo(unit, commandComplete('SET'))
      throw notSupported('A client of a sharded database speaks UTF8, with standard_conforming_strings on.')
    }
    const step = settingStep(record, config) as Step
    const isTried =
      this.#transaction.joined.size > 0 || !this.#transaction.isOpen || record.facts.kind === 'read'
    if (!isTried) {
      await this.#transaction.set(step, null)
      return answerTo(unit, commandComplete(record.facts.command))
    }
    // What is set for a session is tried at once, on one group at least.
    const [joined] = this.#transaction.joined
    const seat = joined ?? this.homeSeat
    used.add(seat)
    if (this.#transaction.isOpen || seat.own === null) await this.#transaction.join(seat)
    if (seat.own === null) await this.#host.take(seat)
    if (seat.own !== null) seat.own.traced = seat.own.tainted = seat.own.staleStatements = true
    const bytes = await this.#askAsGiven(seat, unit)
    await this.#transaction.set(step, seat)
    if (!this.#transaction.isOpen) {
      if (this.#transaction.isPinned) this.#transaction.notePinned(seat)
      seat.traces.keeps = this.#transaction.isPinned
      seat.ended()
      if (!this.#transaction.isPinned) for (const each of this.seats) each.release()
    }
    return bytes
  }

  /** Tables were changed by what was run as on one group. Never rejects. */
  schemaChanged(): Promise<void> {
    return this.#database.schemaChanged().catch(() => {})
  }

  /** What comes next is judged by what was changed, in the same transaction too. */
  async #noteSchema({ facts }: StatementRecord): Promise<void> {
    if (facts.kind !== 'ddl' || facts.traces.includes('temp')) return
    this.#transaction.changedSchema = true
    await this.#learnOwn()
  }

  async #learnOwn(): Promise<void> {
    const shard = [...this.#transaction.joined].find(({ place }) => place.group !== this.#database.home)
    if (shard === undefined) return
    this.#planner = await this.#database.routeBy(new TransactionPart(shard) as unknown as pg.ClientBase)
  }

  // ---- the end

  /** The connection of a seat is gone. True: it is told to whoever asks next, or whose statement it was. */
  lost(seat: Seat, error: Error): boolean {
    if (this.#flushed === seat) this.#flushed = null
    return this.#transaction.lost(seat, error)
  }

  /** Of a statement that was run as on one group; null: nothing was lost. */
  tellLoss(): Buffer | null {
    const lost = this.#transaction.tellLoss()
    return lost === null ? null : reportOf(lost)
  }

  /** It runs something of its own on several connections. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Has what runs on several groups end, unless it is being committed. */
  cancel(): void {
    if (this.#transaction.isCommitting) return
    for (const { own, isExchanging } of this.seats) if (isExchanging) void own?.connection.cancel()
  }

  /** Its client is gone: what commits goes on, all else is given up. */
  close(): void {
    this.#closed = true
    if (this.#transaction.isCommitting) return
    for (const seat of this.seats) if (seat.isExchanging) seat.abandon()
    if (!this.#isRunning) this.#leave()
  }

  #leave(): void {
    for (const seat of this.seats) if (!seat.isExchanging) seat.release()
  }
}

const NOTHING = Buffer.alloc(0)
const FLUSHED = 'what is sent up to one Sync, with a Flush in between, goes to one group'
const CHANGES_MEANING =
  /client_encoding|standard_conforming_strings|^\s*set\s+(?:session\s+|local\s+)?names\b/i
const AS_IT_IS =
  /^\s*set\s+(?:session\s+|local\s+)?(?:(?:client_encoding\s*(?:=|\s+to\s)|names\s)\s*'?(?:utf-?8|unicode)'?|standard_conforming_strings\s*(?:=|\s+to\s)\s*'?(?:on|true|1)'?)[\s;]*$/i
const TAKES_ALL_BACK = /^(?:reset|discard) all$/i

/** After it something can be tried again, for the so manieth time. */
type Remedy = (tries: number) => Promise<void>

function pauseMs(tries: number): number {
  return Math.min(250, 5 * 2 ** tries)
}

function mapChanged(): Error {
  return sqlError('40001', 'could not go on with the transaction: the shard map has changed')
}

function isOtherEpoch(error: Error): boolean {
  if (error instanceof LoginRefused) return error.sqlState === OTHER_EPOCH
  return isHarmless(error) && (error as { code?: string }).code === OTHER_EPOCH
}

function answeredOrThrow({ bytes, error }: Reply, { place: { group } }: Seat): Buffer {
  if (error === null) return bytes
  const refusal = new ServerError(error)
  refusal.message += ` (on ${group})`
  throw refusal
}
