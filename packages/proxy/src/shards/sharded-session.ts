import { setTimeout as sleep } from 'node:timers/promises'
import { type StatementRecord, settingStep } from '@pgherd/client/internal'
import { makeQuery } from '../protocol/client-messages.js'
import type { TransactionStatus } from '../protocol/server-messages.js'
import { withClientNames } from '../session/batch.js'
import type { Batch } from '../session/client-batch.js'
import { Seat } from '../session/seat.js'
import { isAboutRows } from './about-rows.js'
import { failed, HerdTransaction } from './herd-transaction.js'
import { isOtherEpoch, mapChanged, pauseMs } from './map-changes.js'
import { cursorQuery, leavesPortal, OpenPortals } from './open-portals.js'
import { isLoss, notSupported, reportOf } from './report-of.js'
import { type ScatterRoute, ScatterRun } from './scatter-run.js'
import { askRequests } from './seat-requests.js'
import { SessionRoutes } from './session-routes.js'
import { SessionSeats } from './session-seats.js'
import type { Guest, ShardedDatabase } from './sharded-database.js'
import type { ShardedHost } from './sharded-host.js'
import type { SpreadCopy } from './spread-copy.js'
import { SpreadPrepared } from './spread-prepared.js'
import { UnitSequence } from './unit-sequence.js'
import { isExecutedOnce, rowLimitOf, type Unit, unitsOf } from './units.js'

/** Where a batch goes as it is; null: it is run statement by statement. */
type Destination = Seat | 'federation' | ScatterRoute | null

/** What one client does in a database whose tables are spread over groups. */
export class ShardedSession {
  readonly #database: ShardedDatabase
  readonly #host: ShardedHost
  readonly #seats: SessionSeats
  readonly #transaction: HerdTransaction
  readonly #portals = new OpenPortals()
  readonly #prepared: SpreadPrepared
  readonly #routes: SessionRoutes
  readonly #sequence: UnitSequence
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
    this.#host = host
    this.#seats = new SessionSeats(database, guest, host)
    this.#transaction = new HerdTransaction({
      home: database.home,
      take: (seat) => host.take(seat),
      endPrepared: (group, statement) => database.endPrepared(group, statement),
      schemaChanged: () => database.schemaChanged(),
    })
    this.#routes = new SessionRoutes(database, this.#seats, this.#transaction, this.#portals)
    this.#prepared = new SpreadPrepared((name) => host.hasPrepared(name))
    this.#sequence = new UnitSequence({
      ...{ database, host, seats: this.#seats, transaction: this.#transaction },
      ...{ portals: this.#portals, routes: this.#routes, prepared: this.#prepared },
    })
  }

  get status(): TransactionStatus {
    return this.#transaction.status
  }

  get homeSeat(): Seat {
    return this.#seats.home
  }

  get seats(): readonly Seat[] {
    return this.#seats.all
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
      batch.simple = this.#withoutExecute(batch.simple)
      const units = unitsOf(batch, (text) => this.#database.look(text))
      batch.records = recordsOf(units)
      const isDone = units.some(({ record, portal }) => record !== null || portal !== null)
      if (this.#flushed !== null) this.#goOnThere(this.#flushed, units, isDone, batch)
      else if (batch.isFunctionCall) this.#runOn(this.#seats.home, units, batch)
      else if (batch.partial && !isDone) void this.#prepareAhead(units, batch)
      else {
        const only = this.#onlySeat(units, batch)
        if (only === null) void this.#runUnits(units, batch)
        else if (only === 'federation') void this.#runFederated(units, batch)
        else if (only instanceof Seat) this.#runOn(only, units, batch)
        else if (units.length > 1) void this.#runUnits(units, batch)
        else void this.#runScattered(only, units, batch)
      }
    } catch (error) {
      this.refused(batch, error as Error)
    }
  }

  /** What an EXECUTE stands for that is known here. */
  #withoutExecute(simple: Batch['simple']): Batch['simple'] {
    const record = simple === null ? null : this.#database.look(simple.text)
    if (record === null || record.facts.command !== 'EXECUTE') return simple
    const text = this.#prepared.textOf(record)
    return text === null ? simple : { message: makeQuery(text), text }
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
      this.#alone(() => this.#sequence.moveOn(++batch.cutOffs)).then(
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

  /** It was answered with an error elsewhere, and its transaction has failed of it. */
  failed(batch: Batch, report: Buffer): void {
    this.#transaction.fail()
    this.#host.answer(batch, report, [])
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
    let where: Destination = seat
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
      if (this.status === 'E' && !units.every((unit) => this.#routes.isLetAfterError(unit))) throw failed()
      const where = this.#routes.describing(units)
      const { bytes, error } = await this.#alone(async () => {
        const seat = where === 'federation' ? await this.#seats.federation() : where
        const wasFree = seat.own === null
        if (wasFree) await this.#host.take(seat)
        const reply = await askRequests(seat, batch.requests)
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
  #onlySeat(units: readonly Unit[], batch: Batch): Destination {
    const doing = units.filter(({ record, portal }) => record !== null || portal !== null)
    if (this.status === 'E') return null
    if (doing.length === 0) return this.#routes.describing(units)
    let only: Destination = null
    for (const unit of doing) {
      const where = this.#whereOf(unit, doing.length === 1 ? batch : null)
      if (where === null || (only !== null && only !== where)) return null
      only = where
    }
    return only
  }

  /** `alone`: the batch of which it is all. */
  #whereOf(unit: Unit, alone: Batch | null): Destination {
    const { record, portal } = unit
    if (record === null) return this.#portals.portal(portal as string) ?? this.#seats.home
    const where = isAboutRows(record) ? undefined : this.#whereWithoutRows(record, alone)
    return where === undefined ? this.#whereRouted(record, unit, alone) : where
  }

  /** What is not about rows alone; undefined: it goes where these are, all the same. */
  #whereWithoutRows(record: StatementRecord, alone: Batch | null): Destination | undefined {
    if (record.facts.kind === 'transaction') return null
    if (TAKES_ALL_BACK.test(record.shape) && alone !== null && !this.#transaction.isOpen) {
      this.#discard()
      return this.#seats.home
    }
    if (settingStep(record, { text: record.text }) !== null) {
      const isPlain = this.status === 'I' && !this.#transaction.isPinned
      return isPlain && alone !== null && this.#host.isRepeatable(alone) ? this.#seats.home : null
    }
    const cursor = this.#portals.cursor(record)
    if (cursor !== null) return cursor
    if (this.#isKeptHere(record)) return null
    return record.facts.command === 'COPY' ? this.#whereToCopy(record, alone) : undefined
  }

  #whereRouted(record: StatementRecord, unit: Unit, alone: Batch | null): Destination {
    const route = this.#routes.route(record, unit.values)
    switch (route.kind) {
      case 'group':
        return route.text === undefined ? this.#seats.in(route.group) : null
      case 'scatter':
        if (alone !== null && this.#mayScatter(unit, alone)) return route
        return this.#transaction.surroundings.length === 0 ? 'federation' : null
      case 'federation':
        return this.#transaction.surroundings.length === 0 || cursorQuery(record.text) !== null
          ? 'federation'
          : null
      case 'each':
      case 'parts':
      case 'move':
      case 'select insert':
      case 'catalogues':
        return null
    }
  }

  /** SQL prepares it, or takes it away, and not at home alone. */
  #isKeptHere(record: StatementRecord): boolean {
    const { command } = record.facts
    if (command === 'EXECUTE' && this.#prepared.textOf(record) !== null)
      throw notSupported('EXECUTE over shards goes by the simple protocol, by itself.')
    if (this.#routes.preparesSpread(record) || this.#prepared.isDeallocated(record)) return true
    this.#prepared.checkName(record)
    if (TAKES_PREPARED.test(record.shape)) this.#prepared.clear()
    return false
  }

  /** Its rows are put together here as they come, and asked for all at once. */
  #mayScatter(unit: Unit, { partial, continues }: Batch): boolean {
    if (partial || continues || this.#transaction.isOfOneSnapshot) return false
    if (rowLimitOf(unit) > 0 || !isExecutedOnce(unit)) return false
    return cursorQuery(unit.record?.text ?? '') === null && (unit.portal ?? '') === ''
  }

  /** What was set is taken back at home; other connections are cleaned when they are given back. */
  #discard(): void {
    this.#transaction.discard()
    this.#prepared.clear()
    for (const seat of this.#seats.all) {
      if (seat === this.#seats.home || seat.own === null) continue
      seat.own.traced = true
      seat.release()
    }
  }

  #whereToCopy(record: StatementRecord, alone: Batch | null): Seat | 'federation' | null {
    const route = this.#routes.routeCopy(record)
    if (route.kind === 'group') return this.#seats.in(route.group)
    if (alone?.simple == null)
      throw notSupported('COPY with a table that is spread goes by the simple protocol, by itself.')
    if (route.kind !== 'federation') return null
    if (this.#transaction.surroundings.length > 0)
      throw notSupported('COPY out of several shards does not go along with what was set for the session.')
    alone.simple = { message: makeQuery(route.text), text: route.text }
    return 'federation'
  }

  // ---- on one group

  #runOn(seat: Seat, units: readonly Unit[], batch: Batch): void {
    this.#portals.note(units, seat, this.#transaction.isOpen)
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
      this.#transaction.checkFederated()
      const seat = await this.#seats.federation()
      if (!this.#host.isUnderWay(batch)) return
      if (this.#transaction.isOpen && units.some(leavesPortal)) this.#runOn(seat, units, batch)
      else {
        // It takes its time, and a standby may not have heard yet how shards are to be reached now.
        batch.onOwn = batch.onPrimary = true
        this.#outside = batch
        this.#portals.note(units, seat, this.#transaction.isOpen)
        this.#host.runOn(seat, batch)
      }
    } catch (error) {
      this.refused(batch, error as Error)
    }
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

  // ---- on several, of which each is asked by itself

  async #runScattered(route: ScatterRoute, units: readonly Unit[], batch: Batch): Promise<void> {
    const used: Seat[] = []
    try {
      const answer = await this.#alone(() => this.#scatter(route, units, batch, used))
      if (answer === null) await this.#runFederated(units, batch)
      else this.#host.answer(batch, answer, used)
    } catch (failure) {
      const error = failure as Error
      const lost = isLoss(error) ? this.#transaction.tellLoss() : null
      if (batch.told) {
        this.#transaction.fail()
        this.#host.answer(batch, reportOf(lost ?? error), used)
      } else if (isLoss(error) && !this.#transaction.isOpen && performance.now() < batch.deadlineMs) {
        await sleep(pauseMs(++batch.cutOffs))
        this.#host.again(batch)
      } else this.refused(batch, lost ?? error)
    }
  }

  /** In the transaction, whose own writes it sees; where there is none, each shard for itself. */
  async #scatter(
    route: ScatterRoute,
    units: readonly Unit[],
    batch: Batch,
    used: Seat[],
  ): Promise<Buffer | null> {
    const [unit] = units as [Unit]
    try {
      for (const group of route.groups) {
        const seat = this.#seats.in(group)
        used.push(seat)
        await this.#transaction.join(seat, route.groups.length > 1)
        if (seat.own === null) throw new Error('the server ended the session')
      }
      const run = new ScatterRun(unit, route, this.#saysAsUsual(used))
      return await run.run(used, {
        write: (bytes) => this.#host.write(batch, bytes),
        drained: () => this.#host.drained(),
      })
    } finally {
      for (const seat of used)
        if (!this.#transaction.isOpen && seat.own !== null && !seat.isExchanging) {
          seat.ended()
          if (!seat.traces.keeps) seat.release()
        }
    }
  }

  /** Nothing is set that has values said in another way. */
  #saysAsUsual(seats: readonly Seat[]): boolean {
    const { surroundings } = this.#transaction
    return (
      seats.every(({ own }) => own?.connection.parameters.get('DateStyle')?.startsWith('ISO') === true) &&
      !WAYS_OF_SAYING.some(
        (name) =>
          this.#host.hasSetting(name) || surroundings.some((text) => text.toLowerCase().includes(name)),
      )
    )
  }

  // ---- on several

  async #runUnits(units: readonly Unit[], batch: Batch): Promise<void> {
    if (batch.partial) {
      this.#refuse(batch, notSupported('What is for several groups is asked for up to a Sync, not a Flush.'))
      return
    }
    const used = new Set<Seat>()
    const isOver = (): boolean => this.#closed
    const answer = await this.#alone(() => this.#sequence.run(units, used, batch.deadlineMs, isOver))
    this.#host.answer(batch, withClientNames(answer, batch.requests), [...used])
  }

  /** Takes what its client copies to several groups; null: it copies to one, or does not. */
  get copying(): SpreadCopy | null {
    return this.#sequence.copying.current
  }

  /** Tables were changed by what was run as on one group. Never rejects. */
  schemaChanged(): Promise<void> {
    return this.#database.schemaChanged().catch(() => {})
  }

  // ---- the end

  /** The connection of a seat is gone. True: it is told to whoever asks next, or whose statement it was. */
  lost(seat: Seat, error: Error): boolean {
    if (this.#flushed === seat) this.#flushed = null
    this.#portals.lost(seat)
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
    for (const { own, isExchanging } of this.#seats.all) if (isExchanging) void own?.connection.cancel()
  }

  /** Its client is gone: what commits goes on, all else is given up. */
  close(): void {
    this.#closed = true
    if (this.#transaction.isCommitting) return
    for (const seat of this.#seats.all) if (seat.isExchanging) seat.abandon()
    if (!this.#isRunning) this.#leave()
  }

  #leave(): void {
    for (const seat of this.#seats.all) if (!seat.isExchanging) seat.release()
  }
}

/** Not by `flatMap`, which takes longer than all of the routing. */
function recordsOf(units: readonly Unit[]): StatementRecord[] {
  const records: StatementRecord[] = []
  for (const { record } of units) if (record !== null) records.push(record)
  return records
}

const NOTHING = Buffer.alloc(0)
const FLUSHED = 'what is sent up to one Sync, with a Flush in between, goes to one group'
const WAYS_OF_SAYING = ['extra_float_digits', 'bytea_output', 'intervalstyle', 'datestyle']
const TAKES_PREPARED = /^(?:deallocate(?: prepare)?|discard) all$/i
const TAKES_ALL_BACK = /^(?:reset|discard) all$/i
