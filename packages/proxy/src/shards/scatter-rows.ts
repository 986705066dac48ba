import { type CountedRows, type RowGathering, RowMerge, type RowText, rowOrder } from '@pgherd/core/sql'
import type { Seat } from '../session/seat.js'
import { ShardStreams } from './scatter-shards.js'
import { cutLastValue, readColumns, readTexts, withoutLastColumn } from './wire-rows.js'

/** Where rows go. */
export interface ScatterOutput {
  /** False: not so fast. */
  write(bytes: Buffer): boolean
  /** Resolves when more can be taken. */
  drained(): Promise<void>
}

export interface RowsOutput extends ScatterOutput {
  /** Before the first row: how they look. */
  head(description: Buffer): void
}

/** Bytes of one shard that wait here for rows of others: it is not read from before there are fewer again. */
const MOST_WAITING = 2 ** 22
const FEW_WAITING = 2 ** 20
const TAKEN_AT_ONCE = 1000

/** A row's values, and the message that holds them. */
type HeldRow = (string | null)[] & { message: Buffer; shard: number }

/** Passes the rows of several shards on as they come, in their order; holds no more than it must. */
export class ScatterRows {
  readonly #gather: RowGathering
  readonly #counted: CountedRows
  readonly #seats: readonly Seat[]
  readonly #rowText: RowText
  readonly #output: RowsOutput
  readonly #streams: ShardStreams
  /** Null: no shard has said yet how its rows look. */
  #merge: RowMerge<HeldRow> | null = null
  /** They go as they are, in any order. */
  #isPlain = false
  #isImpossible = false
  #isFull = false
  readonly #paused = new Set<number>()
  /** Bytes of each shard that are held. */
  readonly #waiting: number[]
  #count = 0
  #wake: (() => void) | null = null

  constructor(
    gather: RowGathering,
    counted: CountedRows,
    seats: readonly Seat[],
    rowText: RowText,
    output: RowsOutput,
  ) {
    this.#gather = gather
    this.#counted = counted
    this.#seats = seats
    this.#rowText = rowText
    this.#output = output
    this.#streams = new ShardStreams(seats)
    this.#waiting = seats.map(() => 0)
  }

  /** Resolves with how many there were; null: their order is not certain here, and nothing was passed on. */
  async pass(parts: readonly Buffer[]): Promise<number | null> {
    try {
      await this.#streams.ask(parts, {
        description: (_, message) => this.#begin(message),
        rows: (shard, messages) => this.#take(shard, messages),
        ended: (shard) => this.#end(shard),
      })
    } catch (error) {
      if (!this.#isImpossible) throw error
    }
    if (this.#isImpossible) return null
    while (this.#isFull) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#count
  }

  /** The first that says it says it for all. */
  #begin(description: Buffer): void {
    if (this.#merge !== null) return
    const { limit, offset } = this.#counted
    const { hidden } = this.#gather
    const columns = readColumns(description).map(({ name, type }) => ({ name, typeId: type }))
    const order = rowOrder(this.#gather, columns, this.#rowText)
    if (order === null) {
      this.#isImpossible = true
      this.#streams.stop()
      return
    }
    this.#isPlain = order === 'any' && limit === null && offset === 0 && hidden === 0
    this.#merge = new RowMerge<HeldRow>(this.#seats.length, order === 'any' ? null : order, limit, offset)
    let shown = description
    for (let cut = 0; cut < hidden; cut++) shown = withoutLastColumn(shown)
    this.#output.head(shown)
  }

  #take(shard: number, messages: readonly Buffer[]): void {
    if (this.#isPlain) {
      this.#count += messages.length
      this.#write(Buffer.concat(messages))
      return
    }
    const rows = messages.map((message) => {
      this.#waiting[shard] = (this.#waiting[shard] as number) + message.length
      return Object.assign(readTexts(message), { message, shard })
    })
    this.#merge?.give(shard, rows)
    this.#passOn()
  }

  #end(shard: number): void {
    this.#merge?.end(shard)
    this.#passOn()
  }

  /** As many as are certain to be next, unless their reader is slow. */
  #passOn(): void {
    const merge = this.#merge
    while (merge !== null && !this.#isFull) {
      const rows = merge.take(TAKEN_AT_ONCE)
      if (rows.length === 0) break
      this.#count += rows.length
      for (const { shard, message } of rows)
        this.#waiting[shard] = (this.#waiting[shard] as number) - message.length
      this.#write(Buffer.concat(rows.map(({ message }) => this.#shown(message))))
    }
    this.#slowDown()
  }

  #shown(message: Buffer): Buffer {
    let shown = message
    for (let cut = 0; cut < this.#gather.hidden; cut++) shown = cutLastValue(shown).rest
    return shown
  }

  #write(bytes: Buffer): void {
    if (this.#output.write(bytes) || this.#isFull) return
    this.#isFull = true
    this.#slowDown()
    void this.#output.drained().then(() => {
      this.#isFull = false
      this.#passOn()
      this.#wake?.()
    })
  }

  #slowDown(): void {
    for (const shard of this.#seats.keys()) {
      const waiting = this.#merge?.isDone === true ? 0 : (this.#waiting[shard] as number)
      const isPaused = this.#paused.has(shard)
      if (!isPaused && (this.#isFull || waiting > MOST_WAITING)) {
        this.#paused.add(shard)
        this.#streams.pause(shard)
      } else if (isPaused && !this.#isFull && waiting < FEW_WAITING) {
        this.#paused.delete(shard)
        this.#streams.resume(shard)
      }
    }
  }
}
