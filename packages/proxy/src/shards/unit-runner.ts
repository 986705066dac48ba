import type {
  MoveRoute,
  Route,
  SelectInsertRoute,
  StatementPart,
  StatementRecord,
} from '@pgherd/client/internal'
import { commandComplete } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { visitFederation } from './federation-visit.js'
import { SelectedInsert } from './insert-selected.js'
import { joinCatalogues } from './join-catalogues.js'
import { moveRows } from './move-rows.js'
import { leavesPortal } from './open-portals.js'
import { type Answered, joinAnswers, readAnswer, ServerError } from './replies.js'
import { notSupported } from './report-of.js'
import {
  answeredOrThrow,
  askPreparing,
  askRequests,
  askUnit,
  failureAfter,
  noteRun,
} from './seat-requests.js'
import type { SessionParts } from './session-parts.js'
import type { CatalogueRoute, SessionRoute } from './session-routes.js'
import { setEverywhere } from './set-everywhere.js'
import { askOn } from './transaction-part.js'
import { answersAfter, answerTo, encodePart, preparing } from './unit-messages.js'
import { isExecutedOnce, rowLimitOf, type Unit } from './units.js'
import type { WireValue } from './wire-values.js'

/** Runs statements, each as a part of its session's transaction, and keeps their answers until they are whole. */
export class UnitRunner {
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** `route`: null for what is a setting, or only prepares. `used`: gets the seats that it goes to. */
  async run(unit: Unit, route: SessionRoute | null, used: Set<Seat>): Promise<Buffer> {
    const { record } = unit
    if (route === null)
      return record === null ? this.#prepare(unit, used) : setEverywhere(this.#parts, unit, record, used)
    switch (route.kind) {
      case 'group':
        return this.#runInGroup(unit, route, used)
      case 'each':
        return atOnce(unit, () => this.#runOnEach(unit, route, used))
      case 'parts':
        return atOnce(unit, () => this.#runParts(unit, route.parts, used))
      case 'move':
        return atOnce(unit, () => this.#moveRows(unit, route, used))
      case 'select insert':
        return atOnce(unit, () => this.#insertSelected(unit, route, used))
      case 'catalogues':
        return this.#readCatalogues(unit, route, used)
      case 'scatter':
      case 'federation':
        return leavesPortal(unit)
          ? this.#openInFederation(unit, used)
          : visitFederation(this.#parts, used, (seat) => askUnit(seat, unit))
    }
  }

  /** What is gone on with later is there as long as its transaction. */
  async #openInFederation(unit: Unit, used: Set<Seat>): Promise<Buffer> {
    const { seats, transaction, portals } = this.#parts
    transaction.checkFederated()
    const seat = await seats.federation()
    used.add(seat)
    await transaction.join(seat)
    portals.note([unit], seat, true)
    return askUnit(seat, unit)
  }

  async #runInGroup(unit: Unit, route: Extract<Route, { kind: 'group' }>, used: Set<Seat>): Promise<Buffer> {
    const seat = await this.join(route.group, used)
    this.#parts.portals.note([unit], seat, true)
    if (route.text === undefined) return askUnit(seat, unit)
    const part = { group: route.group, text: route.text, values: unit.values, rows: [] }
    return atOnce(unit, () => this.#runParts(unit, [part], used))
  }

  /** Makes a group part of the transaction. `several`: others join at the same time. */
  async join(group: string, used: Set<Seat>, several = false): Promise<Seat> {
    const seat = this.#parts.seats.in(group)
    used.add(seat)
    await this.#parts.transaction.join(seat, several)
    return seat
  }

  /** What only prepares, or is only closed. */
  #prepare(unit: Unit, used: Set<Seat>): Promise<Buffer> {
    return this.#visit(this.#parts.routes.describing([unit]), used, async (seat) => {
      const { bytes, error } = await askRequests(seat, unit.requests)
      if (error !== null) throw new ServerError(error)
      return bytes
    })
  }

  /** What a transaction lets be done that has failed: closes something, or prepares what ends it. */
  async runAfterError(unit: Unit, used: Set<Seat>): Promise<Buffer> {
    if (unit.portal === null) return this.#prepare(unit, used)
    const { portals, transaction } = this.#parts
    const seat = portals.portal(unit.portal)
    return seat !== null && transaction.joined.has(seat) ? askUnit(seat, unit) : answerTo(unit, NOTHING)
  }

  /** Prepares by SQL what is about tables that are spread. */
  async prepareBySql(unit: Unit, record: StatementRecord, used: Set<Seat>): Promise<Buffer> {
    const { routes, prepared } = this.#parts
    await this.#visit(routes.describingPrepare(record), used, (seat) => prepared.prepare(record, seat))
    return answerTo(unit, commandComplete('PREPARE'))
  }

  /** Of whom something is asked that is no part of the transaction. */
  async #visit<T>(where: Seat | 'federation', used: Set<Seat>, work: (seat: Seat) => Promise<T>): Promise<T> {
    const { seats, host, transaction } = this.#parts
    const seat = where === 'federation' ? await seats.federation() : where
    used.add(seat)
    const wasFree = seat.own === null
    if (wasFree) await host.take(seat)
    try {
      return await work(seat)
    } finally {
      if (wasFree && !transaction.joined.has(seat)) seat.release()
    }
  }

  async #runOnEach(
    unit: Unit,
    { groups, whole }: Extract<Route, { kind: 'each' }>,
    used: Set<Seat>,
  ): Promise<Buffer> {
    const answers: Answered[] = []
    // One after the other, in one order everywhere: so two of them do not wait for each other.
    for (const group of groups) answers.push(readAnswer(await askUnit(await this.join(group, used), unit)))
    if (unit.record !== null) await this.#parts.routes.noteSchema(unit.record)
    return joinAnswers(whole ? answers.slice(0, 1) : answers, null)
  }

  async #readCatalogues(
    unit: Unit,
    { home, shard, order }: CatalogueRoute,
    used: Set<Seat>,
  ): Promise<Buffer> {
    const first = await askUnit(await this.join(home, used), unit)
    // It goes by what is asked for at a time.
    if (rowLimitOf(unit) > 0 || !isExecutedOnce(unit)) return first
    const second = await askUnit(await this.join(shard, used), unit)
    return joinCatalogues(readAnswer(first), readAnswer(second), order, this.#parts.routes.catalogues)
  }

  /** Each by a text of its own; the answer is that to the whole. */
  async #runParts(unit: Unit, parts: readonly StatementPart[], used: Set<Seat>): Promise<Buffer> {
    const seats: Seat[] = []
    for (const { group } of parts) seats.push(await this.join(group, used, parts.length > 1))
    // How it looks is asked of one, since what is run there is another text.
    const before = await askPreparing(seats[0] as Seat, unit)
    return answerAfter(before, unit, async () => {
      const running = parts.map(async ({ text, values }, at) => {
        const seat = seats[at] as Seat
        noteRun(seat, text)
        const reply = await seat.exchange(encodePart(unit, text, values as readonly WireValue[]), null)
        return readAnswer(answeredOrThrow(reply, seat), unit.simple === null)
      })
      // What still runs would go on after the transaction has ended.
      const ended = await Promise.allSettled(running)
      const answers = ended.map((each) => {
        if (each.status === 'rejected') throw each.reason
        return each.value
      })
      return joinAnswers(answers, parts.length === 1 ? null : parts.map(({ rows }) => rows))
    })
  }

  async #moveRows(unit: Unit, route: MoveRoute, used: Set<Seat>): Promise<Buffer> {
    const join = (group: string): Promise<Seat> => this.join(group, used)
    const before = await askPreparing(await join(route.groups[0] as string), unit)
    return answerAfter(before, unit, () => moveRows(unit, unit.record as StatementRecord, route, join))
  }

  /** What is read for it by the federation is what is committed. */
  async #insertSelected(unit: Unit, route: SelectInsertRoute, used: Set<Seat>): Promise<Buffer> {
    const join = (group: string): Promise<Seat> => this.join(group, used, true)
    const insert = new SelectedInsert(unit, unit.record as StatementRecord, route, join)
    const asked = preparing(unit)
    const before = asked.length === 0 ? NOTHING : await this.#prepare({ ...unit, requests: asked }, used)
    const { reads } = route
    return answerAfter(before, unit, async () =>
      reads === null
        ? visitFederation(this.#parts, used, (seat) => readOnly(seat, () => insert.run(seat)))
        : insert.run(await join(reads)),
    )
  }
}

/** Of what is run by other texts than its own, or by several groups, no portal is left to be asked later. */
async function atOnce(unit: Unit, run: () => Promise<Buffer>): Promise<Buffer> {
  if (!isExecutedOnce(unit))
    throw notSupported('What several groups do together is executed once, before the Sync after its Bind.')
  const answer = await run()
  const limit = rowLimitOf(unit)
  // What gives no rows is whole, whatever its limit: drivers that want no rows ask for one.
  if (limit > 0 && readAnswer(answer).rows.length >= limit)
    throw notSupported('What several groups do together is answered with all of its rows at once.')
  return answer
}

/** The whole answer to a unit of which that was prepared before, and what is run are other texts than its own. */
async function answerAfter(before: Buffer, unit: Unit, run: () => Promise<Buffer>): Promise<Buffer> {
  try {
    const whole = await run()
    return unit.simple === null ? Buffer.concat([before, whole, ...answersAfter(unit)]) : whole
  } catch (failure) {
    throw failureAfter(before, failure)
  }
}

/** A cursor lives in a transaction. */
async function readOnly<T>(seat: Seat, work: () => Promise<T>): Promise<T> {
  const begins = seat.own?.status === 'I'
  if (begins) await askOn(seat, 'begin read only')
  try {
    return await work()
  } finally {
    if (begins && seat.own !== null) await askOn(seat, 'rollback')
  }
}

const NOTHING = Buffer.alloc(0)
