import { HerdError } from '@pgherd/core'
import pg from 'pg'
import type { OwnedClient } from '../owned-client.js'
import { sqlStateOf } from '../server-error.js'
import type { StatementRecord } from '../statement-book.js'
import { alreadyReleased, type Turns } from '../turns.js'
import { HEAD_BYTES } from './copy-frames.js'
import { CopyPart } from './copy-part.js'
import type { CopyRoute } from './copy-route.js'
import { type CopySource, CopySpread } from './copy-spread.js'
import { notSupported, sayWhere, sqlError } from './herd-answers.js'
import { MOST_ROUTES, OTHER_EPOCH, type Route } from './herd-route.js'
import type { HerdSource, HerdTransaction } from './herd-transaction.js'
import { runScatterCursor } from './scatter-cursor.js'
import type { RowReader } from './scatter-portal.js'
import { beginStep } from './session-steps.js'

/** How long one that nobody ends may go on after its client was released. */
const CLOSING_MS = 5000

/** What runs itself on a connection it is given: a COPY, a cursor, a stream. */
export interface Submittable {
  text?: unknown
  values?: unknown
  /** What `pg-query-stream` reads by. */
  cursor?: { text?: unknown; values?: unknown }
  _result?: { _types?: pg.CustomTypesConfig | undefined }
  submit(connection: unknown): void
  handleError(error: Error, connection: unknown): void
}

export function isSubmittable(input: unknown): input is Submittable {
  return typeof (input as { submit?: unknown } | null | undefined)?.submit === 'function'
}

/** Throws VALUES_INVALID. */
export function readCursor(input: Submittable): { text: string; values: readonly unknown[] } {
  const { text, values } = typeof input.text === 'string' ? input : (input.cursor ?? input)
  if (typeof text === 'string') return { text, values: Array.isArray(values) ? values : [] }
  throw new HerdError('VALUES_INVALID', `The text of a statement must be a string, not ${typeof text}.`)
}

/** It reads by a portal, as a cursor does. */
function isRowReader(input: Submittable): input is Submittable & RowReader {
  return 'handlePortalSuspended' in input && !(input instanceof pg.Query)
}

/** What streams rows in or out for the client of a herd, one at a time. */
export class HerdStreams {
  readonly #transaction: HerdTransaction
  readonly #source: HerdSource
  readonly #turns: Turns
  /** How values are read where the stream does not say so. */
  readonly #types: () => pg.CustomTypesConfig
  #copying: CopySpread | null = null
  /** Ends what is read from several groups. */
  #reading: AbortController | null = null
  /** What waits until a connection has done with what it was given. */
  readonly #handedOver = new Set<() => void>()

  constructor(
    transaction: HerdTransaction,
    source: HerdSource,
    turns: Turns,
    types: () => pg.CustomTypesConfig,
  ) {
    this.#transaction = transaction
    this.#source = source
    this.#turns = turns
    this.#types = types
  }

  /** Rejects with what the stream is to hear. */
  async run(record: StatementRecord, values: readonly unknown[], input: Submittable): Promise<void> {
    if (record.facts.statements !== 1 || record.facts.kind === 'transaction')
      throw notSupported('A stream takes one statement, which is none about transactions.')
    this.#transaction.checkNotFailed()
    try {
      if (record.facts.command === 'COPY') await this.#runCopy(record, input)
      else await this.#runCursor(record, values, input)
    } catch (error) {
      this.#transaction.fail()
      throw error
    }
  }

  /** Their user has gone: nobody is waited for. */
  release(): void {
    for (const go of [...this.#handedOver]) go()
  }

  /** One that nobody ends would keep the connections for ever. */
  endSoon(): void {
    if (this.#copying !== null)
      setTimeout(() => this.#copying?.abort('the client was released'), CLOSING_MS).unref()
    if (this.#reading !== null) setTimeout(() => this.#reading?.abort(alreadyReleased()), CLOSING_MS).unref()
  }

  async #runCopy(record: StatementRecord, input: Submittable): Promise<void> {
    const { router, groups } = this.#transaction
    const route = await router.routeCopy(record, groups)
    switch (route.kind) {
      case 'group': {
        const { writes } = this.#source.natureIn(route.group, record)
        const client = await this.#transaction.clientOf(route.group, false)
        if (writes) this.#transaction.noteWritten(route.group)
        await this.#handOver(client, input)
        return
      }
      case 'federation':
        await this.#transaction.askFederation((client) =>
          this.#handOver(client, Object.assign(input, { text: route.text })),
        )
        return
      default:
        await this.#copyIn(route, record, input as unknown as CopySource)
    }
  }

  /** Again when the map has changed before anything was read. */
  async #runCursor(record: StatementRecord, values: readonly unknown[], input: Submittable): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#readByCursor(record, values, input)
        return
      } catch (error) {
        if (sqlStateOf(error as Error) !== OTHER_EPOCH || tries >= MOST_ROUTES) throw error
        await this.#source.reload()
      }
    }
  }

  async #readByCursor(
    record: StatementRecord,
    values: readonly unknown[],
    input: Submittable,
  ): Promise<void> {
    const { router, groups } = this.#transaction
    const route = await router.route(record, values, groups)
    const askFederation = (): Promise<void> =>
      this.#transaction.askFederation((client) => this.#handOver(client, input))
    switch (route.kind) {
      case 'group': {
        const { text = record.text } = route
        const nature = this.#source.natureIn(route.group, record)
        const client = await this.#transaction.clientOf(route.group, false)
        if (nature.writes) this.#transaction.noteWritten(route.group)
        Object.assign(input, { nature })
        if (route.text !== undefined) Object.assign(input.cursor ?? input, { text })
        await this.#handOver(client, input)
        return
      }
      case 'federation':
        await askFederation()
        return
      case 'scatter': {
        this.#transaction.checkFederated()
        const isCounted = values.length === record.facts.maxParameter
        const mayScatter = !this.#transaction.isSet && isCounted && isRowReader(input)
        const outcome = mayScatter ? await this.#runScattered(route, values, input) : 'not here'
        if (outcome === 'failed') this.#transaction.fail()
        if (outcome === 'not here') await askFederation()
        return
      }
      default:
        throw notSupported(`${record.facts.command} over several groups gives no rows to a cursor.`)
    }
  }

  async #runScattered(
    route: Extract<Route, { kind: 'scatter' }>,
    values: readonly unknown[],
    reader: RowReader & Submittable,
  ): ReturnType<typeof runScatterCursor> {
    const released = new AbortController()
    this.#reading = released
    const result = reader._result
    if (result !== undefined) result._types ??= this.#types()
    try {
      return await runScatterCursor(reader, route, values, {
        connect: (group, holds) => this.#source.connect(group, holds || this.#transaction.clients.length > 0),
        thrownAway: this.#turns.thrownAway,
        released: released.signal,
      })
    } finally {
      this.#reading = null
    }
  }

  /** Gives it to a client of one group; resolves when that has done with it, or is given back, whatever came of it. */
  async #handOver(client: OwnedClient, input: Submittable): Promise<void> {
    const wasFailed = client.getTransactionStatus() === 'E'
    client.query(input)
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#handedOver.delete(go)
        resolve()
      }
      this.#handedOver.add(go)
      void client.whenIdle().then(go)
    })
    if (!wasFailed && client.getTransactionStatus() === 'E') this.#transaction.fail()
  }

  /** As a transaction of its own, where there is none. */
  async #copyIn(
    route: Exclude<CopyRoute, { kind: 'group' | 'federation' }>,
    record: StatementRecord,
    source: CopySource,
  ): Promise<void> {
    const isAlone = !this.#transaction.isOpen
    if (isAlone) this.#transaction.begin([beginStep('BEGIN')])
    let connection: CopySpread | null = null
    try {
      connection = await this.#beginCopy(route, record)
      this.#copying = connection
      const rows = await connection.run(source)
      for (const [group, count] of rows) if (count > 0 || !route.quiet) this.#transaction.noteWritten(group)
      const counts = [...rows.values()]
      const sum = route.kind === 'copies' ? counts[0] : counts.reduce((all, count) => all + count, 0)
      if (isAlone && ((await this.#transaction.end(true)) as pg.QueryResult).command !== 'COMMIT')
        throw sqlError('40000', 'what was copied has been undone')
      source.handleCommandComplete({ text: `COPY ${sum}` }, connection)
      source.handleReadyForQuery(connection)
    } catch (error) {
      if (isAlone && this.#transaction.isOpen) await this.#transaction.end(false)
      throw error
    } finally {
      this.#copying = null
    }
  }

  /** On one group at least, which says so if it cannot be done at all. */
  async #beginCopy(
    route: Exclude<CopyRoute, { kind: 'group' | 'federation' }>,
    record: StatementRecord,
  ): Promise<CopySpread> {
    const { text, groups } = route
    const parts = new Map<string, CopyPart>()
    const open = async (group: string): Promise<CopyPart> => {
      const client = await this.#transaction.patientClientOf(group)
      const part = new CopyPart(text, this.#source.natureIn(group, record))
      client.query(part)
      await part.ready.catch(sayWhere(group))
      parts.set(group, part)
      return part
    }
    const first = groups.find((group) => this.#transaction.groups.has(group)) ?? (groups[0] as string)
    for (const group of route.kind === 'copies' ? groups : [first]) await open(group)
    const splitter = route.kind === 'copies' ? null : route.splitter(first, HEAD_BYTES)
    return new CopySpread({ groups, splitter, parts, open })
  }
}
