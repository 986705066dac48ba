import { EventEmitter } from 'node:events'
import { type CountedRows, type RowCompare, RowMerge } from '@pgherd/core/sql'
import type pg from 'pg'
import type { TextRow } from './row-maker.js'
import type { ShardRows } from './shard-rows.js'

/** A cursor as `pg-cursor` and `pg-query-stream` have it, and whatever else reads rows so. */
export interface RowReader {
  submit(connection: unknown): void
  handleRowDescription(message: { readonly fields: readonly pg.FieldDef[] }): void
  handleDataRow(message: { readonly fields: TextRow }): void
  handlePortalSuspended(connection: unknown): void
  handleCommandComplete(message: { readonly text: string }, connection: unknown): void
  handleReadyForQuery(connection: unknown): void
  handleError(error: Error, connection: unknown): void
}

/**
 * Reads the rows of several shards as those of one: to the reader it is the connection that they come over. No more is
 * asked of a shard than is about to be taken, so that what waits here is bounded.
 */
export class ScatterPortal extends EventEmitter {
  /** What a `connection` of `pg` has. */
  readonly stream = { writable: true }
  readonly #reader: RowReader
  readonly #fields: readonly pg.FieldDef[]
  readonly #sources: readonly ShardRows[]
  readonly #merge: RowMerge<TextRow>
  #state: 'open' | 'closing' | 'failed' | 'ended' = 'open'
  /** How many rows the reader waits for; 0: it does not. */
  #wanted = 0
  #given = 0
  #isGiving = false
  #end!: () => void
  /** Resolves when the reader has done with it. */
  readonly ended: Promise<void>

  constructor(
    reader: RowReader,
    fields: readonly pg.FieldDef[],
    sources: readonly ShardRows[],
    compare: RowCompare | null,
    { limit, offset }: CountedRows,
  ) {
    super()
    this.#reader = reader
    this.#fields = fields
    this.#sources = sources
    this.#merge = new RowMerge<TextRow>(sources.length, compare, limit, offset)
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Lets the reader begin. */
  start(): void {
    this.#reader.submit(this)
    // It was closed before it could begin.
    if (this.#state !== 'open') return
    const message = { fields: this.#fields }
    this.emit('rowDescription', message)
    this.#reader.handleRowDescription(message)
  }

  // ---- what the shards say

  rows(source: number, rows: readonly TextRow[], isLast: boolean): void {
    this.#merge.give(source, rows)
    if (isLast) this.#merge.end(source)
    this.#give()
  }

  failed(error: Error): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#reader.handleError(error, this)
    // A reader need not ask to be done with it.
    this.#end()
  }

  // ---- what the reader says

  parse(): void {}

  bind(): void {}

  describe(): void {}

  flush(): void {}

  execute({ rows = 0 }: { readonly rows?: number }): void {
    this.#wanted = rows > 0 ? rows : Number.POSITIVE_INFINITY
    this.#give()
  }

  close(): void {
    if (this.#state === 'ended') setImmediate(() => this.emit('readyForQuery', READY))
  }

  sync(): void {
    if (this.#state === 'open') this.#state = 'closing'
    this.#end()
  }

  /** Says that the connection is free for something else. False: something had failed. */
  finish(): boolean {
    const hasFailed = this.#state === 'failed'
    this.#state = 'ended'
    if (!hasFailed) this.#reader.handleReadyForQuery(this)
    this.emit('readyForQuery', READY)
    return !hasFailed
  }

  #give(): void {
    if (this.#isGiving || this.#state !== 'open') return
    this.#isGiving = true
    while (this.#wanted > 0 && this.#state === 'open') {
      const rows = this.#merge.take(Math.min(this.#wanted, MOST_GIVEN))
      for (const row of rows) this.#reader.handleDataRow({ fields: this.#shown(row) })
      this.#given += rows.length
      this.#wanted -= rows.length
      if (this.#wanted === 0) this.#reader.handlePortalSuspended(this)
      else if (this.#merge.isDone) {
        this.#wanted = 0
        this.#reader.handleCommandComplete({ text: `SELECT ${this.#given}` }, this)
      } else if (rows.length === 0) break
    }
    this.#isGiving = false
    if (this.#merge.isDone || this.#state !== 'open') return
    for (const [at, source] of this.#sources.entries()) if (this.#merge.waiting(at) < FEW_ROWS) source.more()
  }

  #shown(row: TextRow): TextRow {
    return row.length === this.#fields.length ? row : row.slice(0, this.#fields.length)
  }
}

const READY = { status: 'I' }
/** Rows that are taken at once of those that are there. */
const MOST_GIVEN = 1000
/** With fewer rows of a shard waiting here it is asked for the next ones. */
const FEW_ROWS = 500
