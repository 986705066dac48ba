import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { cancelStatement } from '../cancel-statement.js'
import type { OwnedClient, TextNature } from '../owned-client.js'
import type { TextRow } from './row-maker.js'

/** What is asked for at first, and the most that is later. */
const FIRST_ROWS = 100
const MOST_ROWS = 2000
/** What a shard sends at a time, as far as its rows are like those before. */
const BATCH_BYTES = 131_072
/** How long what is under way may take to end by itself before it is cancelled. */
const PATIENCE_MS = 50

const PORTAL = 'pgherd_rows'

/** It reads, and leaves nothing behind. */
const QUIET: TextNature = { leavesTraces: false, writes: false, isSingle: true, mayDeferFlush: false }

interface PortalConnection {
  readonly stream: { readonly writable: boolean }
  parse(config: { text: string }): void
  bind(config: { portal: string; values: readonly unknown[] }): void
  describe(config: { type: 'P'; name: string }): void
  execute(config: { portal: string; rows: number }): void
  close(config: { type: 'P'; name: string }): void
  flush(): void
  sync(): void
}

/** What is heard of the rows of one shard, once it is open. */
export interface RowListener {
  rows(rows: readonly TextRow[], isLast: boolean): void
  failed(error: Error): void
}

/** The rows that one shard answers, as text, so many at a time: a portal on a client that is held for it. */
export class ShardRows {
  readonly text: string
  /** Known already: the client need not look at the text. */
  readonly nature = QUIET
  readonly #values: readonly unknown[]
  readonly #client: OwnedClient & pg.PoolClient
  readonly #listener: RowListener
  #connection: PortalConnection | null = null
  #rows: TextRow[] = []
  #bytes = 0
  #isAsked = false
  #hasSynced = false
  #isReleased = false
  #isOpen!: (fields: readonly pg.FieldDef[]) => void
  #failed: (error: Error) => void
  #rowsABatch = FIRST_ROWS

  constructor(
    client: OwnedClient & pg.PoolClient,
    text: string,
    values: readonly unknown[],
    listener: RowListener,
  ) {
    this.#client = client
    this.text = text
    this.#values = values
    this.#listener = listener
    this.#failed = listener.failed
  }

  /** Resolves with the columns of the rows that it could be asked for now. */
  open(): Promise<readonly pg.FieldDef[]> {
    return new Promise((resolve, reject) => {
      this.#isOpen = (fields) => {
        this.#failed = this.#listener.failed
        resolve(fields)
      }
      this.#failed = reject
      ;(this.#client.query as (submittable: unknown) => unknown).call(this.#client, this)
    })
  }

  submit(connection: unknown): void {
    this.#connection = connection as PortalConnection
    this.#connection.parse({ text: this.text })
    this.#connection.bind({ portal: PORTAL, values: this.#values })
    this.#connection.describe({ type: 'P', name: PORTAL })
    this.#connection.flush()
  }

  /** Asks for the next rows, unless they are on their way. */
  more(): void {
    if (this.#isAsked || this.#hasSynced) return
    this.#isAsked = true
    this.#connection?.execute({ portal: PORTAL, rows: this.#rowsABatch })
    this.#connection?.flush()
  }

  handleRowDescription({ fields }: { readonly fields: readonly pg.FieldDef[] }): void {
    this.#isOpen(fields)
  }

  handleDataRow({ fields, length }: { readonly fields: TextRow; readonly length: number }): void {
    this.#rows.push(fields)
    this.#bytes += length
  }

  handlePortalSuspended(): void {
    const average = this.#bytes / Math.max(1, this.#rows.length)
    this.#rowsABatch = Math.max(1, Math.min(MOST_ROWS, Math.floor(BATCH_BYTES / average)))
    this.#isAsked = false
    this.#give(false)
  }

  handleCommandComplete(): void {
    this.#isAsked = false
    this.#give(true)
    this.#sync()
  }

  #give(isLast: boolean): void {
    const rows = this.#rows
    this.#rows = []
    this.#bytes = 0
    // Nobody waits for them any more.
    if (!this.#hasSynced) this.#listener.rows(rows, isLast)
  }

  handleReadyForQuery(): void {}

  handleError(error: Error): void {
    this.#isAsked = false
    const isExpected = this.#hasSynced
    this.#sync()
    if (!isExpected) this.#failed(error)
  }

  /** What is sent after that is for the next statement. */
  #sync(): void {
    const connection = this.#connection
    if (this.#hasSynced) return
    this.#hasSynced = true
    if (connection?.stream.writable !== true) return
    connection.close({ type: 'P', name: PORTAL })
    connection.sync()
  }

  /** Ends it, cancels what is under way, and gives the client back. Never rejects. */
  async close(): Promise<void> {
    this.#sync()
    const idle = this.#client.whenIdle()
    await Promise.race([idle, sleep(PATIENCE_MS, undefined, { ref: false })])
    const isCancelled = this.#client.answering ? await cancelStatement(this.#client) : true
    if (isCancelled) await idle
    this.#release(!isCancelled || this.#client.dead)
  }

  /** Ends it with its connection. */
  destroy(): void {
    this.#release(true)
  }

  #release(isBroken: boolean): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#client.release(isBroken)
  }
}
