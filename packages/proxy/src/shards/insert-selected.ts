import {
  CURSOR,
  castsOf,
  FETCHED_ROWS,
  insertsOf,
  partRows,
  type SelectInsertRoute,
  type StatementRecord,
  TYPE_NAMES,
  valuesOf,
} from '@pgherd/client/internal'
import { makeQuery } from '../protocol/client-messages.js'
import type { Seat } from '../session/seat.js'
import { type Answered, joinAnswers, mergeAnswers, readAnswer } from './replies.js'
import { sqlError } from './report-of.js'
import { answeredOrThrow, askWith, noteRun } from './seat-requests.js'
import { askOn } from './transaction-part.js'
import { encodePart } from './unit-messages.js'
import type { Unit } from './units.js'
import { isDescription, readColumns, readTexts } from './wire-rows.js'
import { textValue, type WireValue } from './wire-values.js'

type Row = (string | null)[]

/** An INSERT of what a query gives that others have: it is read by a cursor, a part at a time, and then inserted. */
export class SelectedInsert {
  readonly #unit: Unit
  readonly #record: StatementRecord
  readonly #route: SelectInsertRoute
  readonly #join: (group: string) => Promise<Seat>
  readonly #answers: Answered[] = []
  /** Of the columns of the query: what their values are cast to. */
  #types: (string | null)[] = []
  #named: readonly string[] | null = null

  /** `join`: makes a group part of the transaction. */
  constructor(
    unit: Unit,
    record: StatementRecord,
    route: SelectInsertRoute,
    join: (group: string) => Promise<Seat>,
  ) {
    const { maxParameter } = record.facts
    const { length } = unit.values
    if (length !== maxParameter)
      throw sqlError(
        '08P01',
        `bind message supplies ${length} parameters, but the statement requires ${maxParameter}`,
      )
    this.#unit = unit
    this.#record = record
    this.#route = route
    this.#join = join
  }

  /** Reads on `seat`, in a transaction that is open there. Resolves with the answer, but for what was prepared and is closed. */
  async run(seat: Seat): Promise<Buffer> {
    const { text, parameters } = this.#route.statement.query
    const given = parameters.map((number) => this.#unit.values[number - 1] as WireValue)
    await askWith(seat, `declare ${CURSOR} no scroll cursor for ${text}`, given)
    for (let isFirst = true, isLast = false; !isLast; isFirst = false) {
      const { head, rows } = await fetchFrom(seat)
      isLast = rows.length < FETCHED_ROWS
      if (isFirst) await this.#heed(seat, head.find(isDescription) as Buffer)
      if (isFirst && rows.length === 0) this.#answers.push(await this.#insert(this.#route.any, []))
      for (const some of insertsOf(this.#route, rows.map(readTexts), this.#types.length, isLast))
        await this.#insertAll(some)
    }
    await askOn(seat, `close ${CURSOR}`)
    return joinAnswers(this.#answers, null)
  }

  /** Looks at what the query gives. */
  async #heed(seat: Seat, description: Buffer): Promise<void> {
    const { statement, owners, columns } = this.#route
    const types = readColumns(description).map(({ type }) => type)
    owners.check(types, statement.untyped)
    const { rows } = await askWith(seat, TYPE_NAMES, [textValue(`{${types.join(',')}}`)])
    const names = rows.map((row) => readTexts(row)[0] as string)
    this.#types = castsOf(statement, types, names)
    this.#named = columns?.slice(0, types.length) ?? null
  }

  async #insertAll(rows: readonly Row[]): Promise<void> {
    const parts = partRows(rows, this.#route.owners)
    // Joined one after the other: so two of them do not wait for each other.
    for (const { group } of parts) await this.#join(group)
    const running = parts.map(({ group, rows: own }) =>
      this.#insert(
        group,
        own.map((at) => rows[at] as Row),
      ),
    )
    // What still runs would go on after the transaction has ended.
    const ended = await Promise.allSettled(running)
    const answers = ended.map((each) => {
      if (each.status === 'rejected') throw each.reason
      return each.value
    })
    const order = parts.map(({ rows: own }) => own)
    this.#answers.push(this.#route.copies ? (answers[0] as Answered) : mergeAnswers(answers, order))
  }

  async #insert(group: string, rows: readonly Row[]): Promise<Answered> {
    const seat = await this.#join(group)
    const { text, parameters } = this.#route.statement.insert(rows.length, this.#named, this.#types)
    const values = valuesOf(parameters, rows, this.#unit.values).map((value) =>
      value === null || typeof value === 'string' ? textValue(value) : (value as WireValue),
    )
    noteRun(seat, this.#record.text)
    if (this.#unit.simple !== null) return askWith(seat, text, values)
    const reply = await seat.exchange(encodePart(this.#unit, text, values), null)
    return readAnswer(answeredOrThrow(reply, seat), true)
  }
}

async function fetchFrom(seat: Seat): Promise<Answered> {
  const reply = await seat.exchange([makeQuery(`fetch ${FETCHED_ROWS} from ${CURSOR}`)], null)
  return readAnswer(answeredOrThrow(reply, seat))
}
