import type { HerdRoute } from '@pgherd/client/internal'
import {
  type CountedRows,
  countRows,
  EACH,
  type GroupGathering,
  MOST_GROUPS,
  mergeStatement,
  type RowGathering,
  type RowText,
} from '@pgherd/core/sql'
import { BIND_COMPLETE, commandComplete, PARSE_COMPLETE } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { arrayText } from './array-text.js'
import { joinAnswers, readAnswer } from './replies.js'
import { type ScatterOutput, ScatterRows } from './scatter-rows.js'
import { askShards, type ShardAnswer } from './scatter-shards.js'
import { answeredOrThrow, askPreparing, askWith } from './seat-requests.js'
import { answersAfter, encodePart, encodeText, preparing, resultFormatsOf } from './unit-messages.js'
import { describesPortal, type Unit } from './units.js'
import { readColumns, readTexts } from './wire-rows.js'
import { textValue, type WireValue } from './wire-values.js'

export type ScatterRoute = Extract<HerdRoute, { kind: 'scatter' }>

const NOTHING = Buffer.alloc(0)
const IN_TEXT = Buffer.from([0, 0])

/** A read that each shard is asked by itself, and whose answers are put together here. */
export class ScatterRun {
  readonly #unit: Unit
  readonly #route: ScatterRoute
  readonly #rowText: RowText

  /** `isUsual`: values are said as the shards say them where nothing is set. */
  constructor(unit: Unit, route: ScatterRoute, isUsual: boolean) {
    this.#unit = unit
    this.#route = route
    this.#rowText = isUsual ? route.rowText : { ...route.rowText, exact: false }
  }

  /**
   * Rows go to `output` as they come. Resolves with what is left of the answer, null where only PostgreSQL can put it
   * together: nothing has been told by then. Rejects when one shard fails, and the others have been cancelled.
   */
  async run(seats: readonly Seat[], output: ScatterOutput): Promise<Buffer | null> {
    const { gather } = this.#route.read
    const { values, record } = this.#unit
    if (record?.facts.maxParameter !== values.length) return null
    const counted = countRows(gather, (parameter) => countText(values[parameter - 1]))
    if (counted === null) return null
    return gather.kind === 'rows'
      ? this.#passRows(gather, counted, seats, output)
      : this.#mergeGroups(gather, counted, seats)
  }

  async #passRows(
    gather: RowGathering,
    counted: CountedRows,
    seats: readonly Seat[],
    output: ScatterOutput,
  ): Promise<Buffer | null> {
    const formats = resultFormatsOf(this.#unit, gather.hidden)
    // What is compared is read as text.
    if (gather.order.length > 0 && hasBinary(formats)) return null
    const before = await this.#prepared(seats[0] as Seat)
    const rows = new ScatterRows(gather, counted, seats, this.#rowText, {
      write: (bytes) => output.write(bytes),
      drained: () => output.drained(),
      head: (description) => {
        const isTold = this.#unit.simple !== null || describesPortal(this.#unit)
        const bound = this.#unit.simple === null ? BIND_COMPLETE : NOTHING
        output.write(Buffer.concat([before, bound, isTold ? description : NOTHING]))
      },
    })
    const count = await rows.pass(this.#partial(counted, formats))
    return count === null
      ? null
      : Buffer.concat([commandComplete(`SELECT ${count}`), ...answersAfter(this.#unit)])
  }

  #partial({ each }: CountedRows, formats: Buffer): Buffer[] {
    const { text, parameters } = this.#route.read.partial
    const values = parameters.map((parameter) =>
      parameter === EACH ? textValue(each) : (this.#unit.values[parameter - 1] as WireValue),
    )
    return encodeText(text, values, formats, true)
  }

  /** What is prepared of it is the client's own text: a new one is known to be right by its parts. */
  async #prepared(seat: Seat): Promise<Buffer> {
    const asked = preparing(this.#unit)
    if (asked.every((request) => request.kind === 'parse' && !request.isTaken))
      return Buffer.concat(asked.map(() => PARSE_COMPLETE))
    return askPreparing(seat, this.#unit)
  }

  async #mergeGroups(
    gather: GroupGathering,
    counted: CountedRows,
    seats: readonly Seat[],
  ): Promise<Buffer | null> {
    const answers = await askShards(seats, this.#partial(counted, IN_TEXT), MOST_GROUPS)
    if (answers === null) return null
    const [first] = answers as [ShardAnswer]
    const columns = readColumns(first.description).map(({ name, type }) => ({ name, typeId: type }))
    const merge = mergeStatement(gather, counted, columns)
    if (merge === null) return null
    const rows = answers.flatMap((answer) => answer.rows.map(readTexts))
    const values = [
      ...columns.map((_, at) => textValue(arrayText(rows.map((row) => row[at] ?? null)))),
      ...merge.parameters.map((parameter) => this.#unit.values[parameter - 1] as WireValue),
    ]
    const [seat] = seats as [Seat]
    if (this.#unit.simple !== null) return joinAnswers([await askWith(seat, merge.text, values)], null)
    const before = await this.#prepared(seat)
    const reply = await seat.exchange(encodePart(this.#unit, merge.text, values), null)
    const answer = readAnswer(answeredOrThrow(reply, seat), true)
    return Buffer.concat([before, joinAnswers([answer], null), ...answersAfter(this.#unit)])
  }
}

/** None and one are the format of all columns. */
function hasBinary(formats: Buffer): boolean {
  for (let at = 2; at < formats.length; at += 2) if (formats.readUInt16BE(at) === 1) return true
  return false
}

/** A LIMIT that a parameter says; null: NULL. */
function countText(value: WireValue | undefined): string | null {
  if (value === undefined) return 'none'
  const { bytes, isBinary } = value
  if (bytes === null || !isBinary) return bytes?.toString('utf8') ?? null
  if (bytes.length === 8) return String(bytes.readBigInt64BE(0))
  return bytes.length === 4 ? String(bytes.readInt32BE(0)) : 'none'
}
