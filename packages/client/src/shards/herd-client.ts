import { EventEmitter } from 'node:events'
import { HerdError } from '@pgherd/core'
import type { RowText, ScatterRead } from '@pgherd/core/sql'
import pg from 'pg'
import type { OwnedClient, TextNature } from '../owned-client.js'
import { isHarmless, sqlStateOf } from '../server-error.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { alreadyReleased, answerTo, type Done, Turns } from '../turns.js'
import { commitTogether, type PartClient, type Participant } from './commit-together.js'
import { HEAD_BYTES } from './copy-frames.js'
import { CopyPart } from './copy-part.js'
import type { CopyRoute } from './copy-route.js'
import { type CopySource, CopySpread } from './copy-spread.js'
import {
  AS_TEXT,
  inOrder,
  joined,
  notSupported,
  sqlError,
  told,
  transactionFailed,
  transactionLost,
} from './herd-answers.js'
import {
  checkMovable,
  deleteMoved,
  insertMoved,
  type MovedRow,
  type MoveRoute,
  refuseMove,
  takeMoved,
  updateText,
} from './move-rows.js'
import { runScatterCursor } from './scatter-cursor.js'
import type { RowReader } from './scatter-portal.js'
import {
  CURSOR,
  castsOf,
  FETCHED_ROWS,
  insertsOf,
  partRows,
  type SelectInsertRoute,
  TYPE_NAMES,
  valuesOf,
} from './select-insert-route.js'
import {
  beginStep,
  isOfOneSnapshot,
  type SavepointCommand,
  type Step,
  savepointOf,
  settingStep,
  stepsMoved,
  stepsOfChain,
  takesRole,
  withSetting,
} from './session-steps.js'

/** Where a statement of a client goes. */
export type Route =
  /** `text`: what is said there in place of the statement's own. */
  | { readonly kind: 'group'; readonly group: string; readonly text?: string }
  /**
   * As it is on each. `whole`: each has all rows, so that one answer stands for all. `apart`: it cannot be
   * part of a transaction.
   */
  | {
      readonly kind: 'each'
      readonly groups: readonly string[]
      readonly whole: boolean
      readonly apart: boolean
    }
  /** Its parts, whose answers' rows come in the order of `rows`. */
  | { readonly kind: 'parts'; readonly parts: readonly StatementPart[] }
  /** Each is asked, and the answers are put together. */
  | {
      readonly kind: 'scatter'
      readonly groups: readonly string[]
      readonly read: ScatterRead
      readonly rowText: RowText
    }
  /** Read by somebody who puts together what several groups have. */
  | { readonly kind: 'federation'; readonly why: string }

/** Also what takes several steps, and a client that takes them. */
export type HerdRoute = Route | MoveRoute | SelectInsertRoute

/** What changes rows on several groups, or may. */
export type SpreadRoute = Extract<Route, { kind: 'each' | 'parts' }> | MoveRoute | SelectInsertRoute

/** A statement for one group, made of some rows of another. */
export interface StatementPart {
  readonly group: string
  readonly text: string
  readonly values: readonly unknown[]
  /** Which rows of the whole it has. */
  readonly rows: readonly number[]
}

export interface ClientQuery {
  readonly text: string
  readonly values: readonly unknown[] | undefined
  /** All of what the caller gave. */
  readonly config: object
}

/**
 * Where statements go, as far as is known at some time. `near`: groups that the client has to do with already.
 * Throws what refuses them.
 */
export interface Router {
  route(
    record: StatementRecord,
    values: readonly unknown[] | undefined,
    near: ReadonlySet<string>,
  ): Promise<HerdRoute>
  routeCopy(record: StatementRecord, near: ReadonlySet<string>): Promise<CopyRoute>
}

/** What a client of several groups asks of its pool. */
export interface HerdSource {
  readonly home: string
  look(text: string): StatementRecord
  /** What a statement may do on that group. */
  natureIn(group: string, record: StatementRecord): TextNature
  readonly router: Router
  /** The same by what the schema is to that client of a shard, inside its transaction. */
  routeBy(client: pg.ClientBase): Promise<Router>
  /** The schema is another one now. */
  schemaChanged(): Promise<void>
  /** The map may be another one now. */
  reload(): Promise<void>
  /** The way of `pool.query()`. */
  query(query: ClientQuery, signal: AbortSignal): Promise<Answer>
  /** How values are read where nobody says so. */
  readonly types: pg.CustomTypesConfig
  /** A client of that group's primary for one caller; `holds`: who has some of other groups already. */
  connect(group: string, holds: boolean): Promise<OwnedClient & pg.PoolClient>
  /** One of the database that puts together what several groups have. */
  connectFederation(): Promise<OwnedClient & pg.PoolClient>
  /** Ends a prepared transaction, now or as soon as that group can. */
  endPrepared(group: string, statement: string): Promise<void>
}

/** What texts of our own do; else those of several statements would be taken for such as may leave anything. */
const LEAVES_NOTHING: TextNature = {
  leavesTraces: false,
  writes: false,
  isSingle: false,
  mayDeferFlush: false,
}

const EVENTS = ['notice', 'notification'] as const
/** Said when its user has done with it. */
const RELEASED = Symbol('released')

/** What a group says to whom is under another epoch of the shard map. */
const OTHER_EPOCH = 'PH001'
/** How often a statement is routed again because the map has changed meanwhile. */
const MOST_ROUTES = 5
/** How long a COPY may take to end after its client was released. */
const CLOSING_MS = 5000
const CHAIN = /\band\s+chain\b/i
/**
 * Nobody sees that two transactions wait for each other on different servers: such a wait ends by itself, and
 * not for both at the same time.
 */
export const LOCK_PATIENCE = `select set_config('lock_timeout', (10000 + 5000 * random())::int::text, true) where current_setting('lock_timeout') = '0'`

/**
 * A client of a herd of several groups, to be used like `pg.PoolClient`. A transaction begins on a group
 * with the first statement that goes there, and is committed on all of them or on none.
 */
export class HerdClient extends EventEmitter {
  readonly #source: HerdSource
  readonly #participants = new Map<string, OwnedClient & pg.PoolClient>()
  /** Groups in which the transaction has written. */
  readonly #wrote = new Set<string>()
  /** What a transaction on another group begins with; null outside of a transaction. */
  #begun: Step[] | null = null
  /** What the session was told for its later transactions. */
  #settings: Step[] = []
  /** The transaction is one over several groups. */
  #several = false
  /** Those that do not wait for locks for ever, in this transaction. */
  readonly #patient = new Set<OwnedClient>()
  #failed = false
  /** By the schema as this transaction has changed it. */
  #router: Router | null = null
  #copying: CopySpread | null = null
  /** Ends what is read from several groups. */
  #reading: AbortController | null = null
  #changedSchema = false
  /** Opens a transaction ahead of the first statement; null when that is done, or there is none. */
  opening: readonly string[] | null = null
  /** Why its user gets nothing more done on it. */
  refusal: Error | null = null
  #types: pg.TypeOverrides | null = null
  #lost = false
  /** Why a part of the transaction is gone. */
  #lostWith: Error | null = null
  /** What was committed last waits for no standby any more: the wait was cancelled. */
  unreplicated = false
  readonly #turns = new Turns()

  constructor(source: HerdSource) {
    super()
    this.#source = source
    // As of every client of a pool: who uses it hears of it by its statements.
    this.on('error', () => {})
  }

  /** What it had begun on a connection that is gone cannot be gone on with. */
  get dead(): boolean {
    return this.#lost
  }

  get answering(): boolean {
    return this.#turns.waiting > 0
  }

  /** Of the server processes that have something of it under way. */
  get clients(): readonly OwnedClient[] {
    return [...this.#participants.values()]
  }

  getTransactionStatus(): 'I' | 'T' | 'E' {
    if (this.#begun === null) return 'I'
    return this.#failed ? 'E' : 'T'
  }

  query(...args: unknown[]): unknown {
    const done = args.find((each) => typeof each === 'function') as Done | undefined
    const [input, given] = args.filter((each) => each !== done)
    if (isSubmittable(input)) {
      const refuse = (error: Error): void => process.nextTick(() => input.handleError(error, null))
      if (this.refusal !== null) refuse(this.refusal)
      else this.#turns.take(() => this.#runStream(input)).catch(refuse)
      return input
    }
    if (this.refusal !== null) return answerTo(Promise.reject(this.refusal), done)
    return answerTo(
      this.#turns.take(() => this.#run(input, given)),
      done,
    )
  }

  async #run(input: unknown, given: unknown): Promise<Answer> {
    if (this.refusal !== null) throw this.refusal
    const query = readQuery(input, given, this.#types)
    this.open()
    const record = this.#source.look(query.text)
    const { facts } = record
    if (facts.statements > 1 && facts.kind === 'transaction')
      throw notSupported('BEGIN, COMMIT and the like go each by themselves to a herd that is sharded.')
    if (facts.kind === 'transaction') return this.#control(record, query)
    if (this.#failed) throw this.#lostWith === null ? transactionFailed() : transactionLost(this.#lostWith)
    try {
      const setting = settingStep(record, query.config as pg.QueryConfig)
      return setting === null ? await this.#runRouted(record, query) : await this.#set(setting, record, query)
    } catch (error) {
      // As in one database: after an error nothing of the transaction goes on.
      if (this.#begun !== null) this.#failed = true
      throw error
    }
  }

  // ---- COPY

  /** Rejects with what its stream is to hear. */
  async #runStream(input: Submittable): Promise<void> {
    if (this.refusal !== null) throw this.refusal
    const { text, values } = readCursor(input)
    const record = this.#source.look(text)
    if (record.facts.statements !== 1 || record.facts.kind === 'transaction')
      throw notSupported('A stream takes one statement, which is none about transactions.')
    this.open()
    if (this.#failed) throw this.#lostWith === null ? transactionFailed() : transactionLost(this.#lostWith)
    try {
      if (record.facts.command === 'COPY') await this.#runCopy(record, input)
      else await this.#runCursor(record, values, input)
    } catch (error) {
      if (this.#begun !== null) this.#failed = true
      throw error
    }
  }

  async #runCopy(record: StatementRecord, input: Submittable): Promise<void> {
    const router = this.#router ?? this.#source.router
    const route = await router.routeCopy(record, new Set(this.#participants.keys()))
    switch (route.kind) {
      case 'group': {
        const { writes } = this.#source.natureIn(route.group, record)
        const client = this.#participants.get(route.group) ?? (await this.#join(route.group, false))
        if (writes && this.#begun !== null) this.#wrote.add(route.group)
        if (this.#several) this.#makePatient(client)
        await this.#handOver(client, input)
        return
      }
      case 'federation':
        await this.#askFederation((client) =>
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
    const near = new Set(this.#participants.keys())
    const route = await (this.#router ?? this.#source.router).route(record, values, near)
    const askFederation = (): Promise<void> => this.#askFederation((client) => this.#handOver(client, input))
    switch (route.kind) {
      case 'group': {
        const { text = record.text } = route
        const nature = this.#source.natureIn(route.group, record)
        const client = this.#participants.get(route.group) ?? (await this.#join(route.group, false))
        if (nature.writes && this.#begun !== null) this.#wrote.add(route.group)
        Object.assign(input, { nature })
        if (route.text !== undefined) Object.assign(input.cursor ?? input, { text })
        await this.#handOver(client, input)
        return
      }
      case 'federation':
        await askFederation()
        return
      case 'scatter': {
        this.#checkFederated()
        const isSet = this.#settings.length + this.#localSettings.length > 0
        const isCounted = values.length === record.facts.maxParameter
        const mayScatter = !isSet && isCounted && isRowReader(input)
        const outcome = mayScatter ? await this.#runScattered(route, values, input) : 'not here'
        if (outcome === 'failed' && this.#begun !== null) this.#failed = true
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
    if (result !== undefined) result._types ??= this.#types ?? this.#source.types
    try {
      return await runScatterCursor(reader, route, values, {
        connect: (group, holds) => this.#source.connect(group, holds || this.#participants.size > 0),
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
        this.removeListener(RELEASED, go)
        resolve()
      }
      this.on(RELEASED, go)
      void client.whenIdle().then(go)
    })
    if (this.#begun !== null && !wasFailed && client.getTransactionStatus() === 'E') this.#failed = true
  }

  /** As a transaction of its own, where there is none. */
  async #copyIn(
    route: Exclude<CopyRoute, { kind: 'group' | 'federation' }>,
    record: StatementRecord,
    source: CopySource,
  ): Promise<void> {
    const isAlone = this.#begun === null
    if (isAlone) this.#begin([beginStep('BEGIN')])
    let connection: CopySpread | null = null
    try {
      connection = await this.#beginCopy(route, record)
      this.#copying = connection
      const rows = await connection.run(source)
      for (const [group, count] of rows) if (count > 0 || !route.quiet) this.#wrote.add(group)
      const counts = [...rows.values()]
      const sum = route.kind === 'copies' ? counts[0] : counts.reduce((all, count) => all + count, 0)
      if (isAlone && ((await this.#end(true)) as pg.QueryResult).command !== 'COMMIT')
        throw sqlError('40000', 'what was copied has been undone')
      source.handleCommandComplete({ text: `COPY ${sum}` }, connection)
      source.handleReadyForQuery(connection)
    } catch (error) {
      if (isAlone && this.#begun !== null) await this.#end(false)
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
      const client = this.#participants.get(group) ?? (await this.#join(group, true))
      this.#makePatient(client)
      const part = new CopyPart(text, this.#source.natureIn(group, record))
      client.query(part)
      await part.ready.catch(sayWhere(group))
      parts.set(group, part)
      return part
    }
    const first = groups.find((group) => this.#participants.has(group)) ?? (groups[0] as string)
    for (const group of route.kind === 'copies' ? groups : [first]) await open(group)
    const splitter = route.kind === 'copies' ? null : route.splitter(first, HEAD_BYTES)
    return new CopySpread({ groups, splitter, parts, open })
  }

  /** Begins the transaction that `opening` asks for. */
  open(): void {
    if (this.opening === null) return
    this.#begin(this.opening.map(beginStep))
    this.opening = null
  }

  /** Also on those that a session is held on already, with the next statement there. */
  #begin(steps: Step[]): void {
    this.#begun = steps
    const opening = steps.map(({ config }) => config.text)
    for (const client of this.#participants.values()) client.opening = opening
  }

  async #control({ facts: { command }, shape }: StatementRecord, query: ClientQuery): Promise<Answer> {
    switch (command) {
      case 'BEGIN':
      case 'START TRANSACTION':
        if (this.#begun === null) this.#begin([beginStep(shape)])
        return told(command)
      case 'COMMIT':
      case 'ROLLBACK': {
        if (!CHAIN.test(shape)) return this.#end(command === 'COMMIT')
        if (this.#begun === null)
          throw sqlError('25P01', `${command} AND CHAIN can only be used in transaction blocks`)
        const chain = stepsOfChain(this.#begun)
        const answer = await this.#end(command === 'COMMIT')
        this.#begin(chain)
        return answer
      }
      case 'SAVEPOINT':
      case 'RELEASE':
      case 'ROLLBACK TO':
        return this.#moveTo(command, savepointOf(shape), query)
      default:
        throw notSupported(`${command} is what a sharded herd does itself, over all its groups.`)
    }
  }

  async #moveTo(command: SavepointCommand, name: string, query: ClientQuery): Promise<Answer> {
    if (this.#begun === null) throw sqlError('25P01', `${command} can only be used in transaction blocks`)
    if (this.#lostWith !== null) throw transactionLost(this.#lostWith)
    if (this.#failed && command !== 'ROLLBACK TO') throw transactionFailed()
    const config = query.config as pg.QueryConfig
    const begun = stepsMoved(this.#begun, command, name, config)
    try {
      if (begun === null) throw sqlError('3B001', `savepoint "${name}" does not exist`)
      await this.#sayToAll(config)
    } catch (error) {
      this.#failed = true
      throw error
    }
    this.#begun = begun
    if (command !== 'ROLLBACK TO') return told(command)
    this.#failed = false
    // It may have been undone with the rest.
    this.#patient.clear()
    if (this.#router !== null) await this.#learnOwn()
    return told('ROLLBACK')
  }

  /** Holds on every group, also on those that are not part of it yet. */
  async #set(step: Step, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    // What is set for a session is tried at once, on one group at least; in a transaction where it goes next.
    if (this.#participants.size === 0 && (this.#begun === null || record.facts.kind === 'read'))
      await this.#join(this.#source.home, false)
    const answer = await this.#sayToAll(query.config as pg.QueryConfig)
    if (this.#begun !== null) this.#begun.push(step)
    else if (step.kind === 'setting') this.#settings = withSetting(this.#settings, step)
    return answer ?? told(record.facts.command)
  }

  async #sayToAll(config: pg.QueryConfig): Promise<Answer | undefined> {
    const clients = [...this.#participants.values()]
    return allOf(await Promise.allSettled(clients.map((client) => client.query(config))))[0]
  }

  /** Again when the map has changed meanwhile, and nothing has been done under the one before. */
  async #runRouted(record: StatementRecord, query: ClientQuery): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#runOne(record, query)
      } catch (error) {
        if (sqlStateOf(error as Error) !== OTHER_EPOCH) throw error
        await this.#source.reload()
        if (this.#begun !== null && this.#participants.size > 0)
          throw sqlError('40001', 'could not go on with the transaction: the shard map has changed')
        if (tries >= MOST_ROUTES) throw error
      }
    }
  }

  async #runOne(record: StatementRecord, query: ClientQuery): Promise<Answer> {
    const near = new Set(this.#participants.keys())
    const route = await (this.#router ?? this.#source.router).route(record, query.values, near)
    switch (route.kind) {
      case 'scatter':
      case 'federation':
        return this.#readFederated(query)
      case 'group': {
        const nature = this.#source.natureIn(route.group, record)
        const isAlone = this.#begun === null && this.#settings.length === 0
        if (isAlone && !nature.leavesTraces && !near.has(route.group))
          return this.#source.query(query, this.#turns.thrownAway)
        const config = { ...query.config, text: route.text ?? query.text, nature }
        const answer = await this.#runIn(route.group, config, nature.writes)
        await this.#noteSchema(record)
        return answer
      }
      case 'each':
      case 'parts':
      case 'move':
      case 'select insert':
        if (this.#begun !== null) {
          if (route.kind === 'each' && route.apart)
            throw notSupported(`${record.facts.command} cannot run inside a transaction here.`)
          return this.runSpread(route, record, query)
        }
        if (this.#settings.length === 0) return this.#source.query(query, this.#turns.thrownAway)
        return this.#runSpreadAlone(route, record, query)
    }
  }

  /** Where something was set, by a connection on which that is set, too. */
  async #readFederated(query: ClientQuery): Promise<Answer> {
    this.#checkFederated()
    if (this.#settings.length + this.#localSettings.length === 0)
      return this.#source.query(query, this.#turns.thrownAway)
    return this.#askFederation((client) => client.query(query.config as pg.QueryConfig) as Promise<Answer>)
  }

  #checkFederated(): void {
    if (this.#wrote.size > 0 || isOfOneSnapshot([...this.#settings, ...(this.#begun ?? [])]))
      throw notSupported(
        'A read of several shards sees what is committed: it cannot see what this transaction has written, nor keep to its snapshot.',
      )
  }

  /** What was set in the transaction that is open. */
  get #localSettings(): Step[] {
    return (this.#begun ?? []).filter(({ kind }) => kind === 'setting' || kind === 'local')
  }

  /** By a connection on which all is set that was set here. */
  async #askFederation<T>(ask: (client: OwnedClient & pg.PoolClient) => Promise<T>): Promise<T> {
    this.#checkFederated()
    const local = this.#localSettings
    const client = await this.#source.connectFederation()
    const throwAway = (): void => client.release(true)
    const signal = this.#turns.thrownAway
    signal.addEventListener('abort', throwAway, { once: true })
    try {
      signal.throwIfAborted()
      for (const { config } of this.#settings) await client.query(config)
      if (local.length > 0)
        for (const { config } of [(this.#begun as Step[])[0] as Step, ...local]) await client.query(config)
      return await ask(client)
    } finally {
      signal.removeEventListener('abort', throwAway)
      if (!signal.aborted) client.release()
    }
  }

  /** As a transaction of its own, with what was set for the session. */
  async #runSpreadAlone(route: SpreadRoute, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    if (route.kind === 'each' && route.apart) {
      const answers: Answer[] = []
      for (const group of route.groups) answers.push(await this.#runIn(group, query.config, true))
      await this.#source.schemaChanged()
      return answers[0] as Answer
    }
    this.#begin([beginStep('BEGIN')])
    try {
      const answer = await this.runSpread(route, record, query)
      await this.#end(true)
      return answer
    } catch (error) {
      if (this.#begun !== null) await this.#end(false)
      throw error
    }
  }

  /** Runs what goes to several groups, in the transaction that is open. */
  async runSpread(route: SpreadRoute, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    if (route.kind === 'move') return this.#move(route, record, query)
    if (route.kind === 'select insert') return this.#insertSelected(route, record, query)
    if (route.kind === 'each') {
      const answers: pg.QueryResult[] = []
      // One after the other, in one order everywhere: so two of them do not wait for each other.
      for (const group of route.groups)
        answers.push((await this.#runIn(group, query.config, true).catch(sayWhere(group))) as pg.QueryResult)
      await this.#noteSchema(record)
      return route.whole ? (answers[0] as pg.QueryResult) : joined(answers)
    }
    const running = route.parts.map(({ group, text, values }) => {
      const nature = this.#source.natureIn(group, record)
      return this.#runIn(group, { ...query.config, text, values, name: undefined, nature }, true, true)
    })
    // What still runs would go on after the transaction has ended.
    return inOrder(allOf(await Promise.allSettled(running)) as pg.QueryResult[], route.parts)
  }

  /** All rows are changed where they are before the first one is moved: none is met twice. */
  async #move(route: MoveRoute, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    const text = updateText(route, query.text)
    const answers: pg.QueryResult[] = []
    const leaving: (readonly [group: string, rows: readonly MovedRow[]])[] = []
    for (const group of route.groups) {
      const check = { text: checkMovable(route), nature: LEAVES_NOTHING }
      const checked = (await this.#runIn(group, check, false).catch(sayWhere(group))) as pg.QueryResult[]
      const { why, columns } = checked.at(-1)?.rows[0] ?? { why: 'there is no such table', columns: [] }
      refuseMove(route, why, columns)
      const nature = this.#source.natureIn(group, record)
      const config = { ...query.config, text, name: undefined, nature }
      const answer = (await this.#runIn(group, config, true).catch(sayWhere(group))) as pg.QueryResult
      leaving.push([group, takeMoved(route, group, answer)])
      answers.push(answer)
    }
    for (const [group, rows] of leaving) {
      if (rows.length === 0) continue
      const { rowCount } = (await this.#runIn(group, deleteMoved(route, rows), true)) as pg.QueryResult
      if (rowCount !== rows.length)
        throw sqlError('XX000', `${rows.length} rows were to leave ${group}, and ${rowCount} did`)
    }
    const moved = leaving.flatMap(([, rows]) => rows)
    for (const owner of new Set(moved.map((row) => row.owner))) {
      const rows = moved.filter((row) => row.owner === owner)
      for (const insert of insertMoved(route, rows))
        await this.#runIn(owner, insert, true).catch(sayWhere(owner))
    }
    return joined(answers)
  }

  /** Reads by a cursor, so that no more is here at a time than is inserted next. */
  async #insertSelected(
    route: SelectInsertRoute,
    record: StatementRecord,
    query: ClientQuery,
  ): Promise<Answer> {
    const { reads } = route
    if (reads === null) return this.#askFederation((client) => this.#pour(client, route, record, query))
    const client = this.#participants.get(reads) ?? (await this.#join(reads, true))
    this.#makePatient(client)
    return this.#pour(client, route, record, query)
  }

  async #pour(
    client: OwnedClient & pg.PoolClient,
    route: SelectInsertRoute,
    record: StatementRecord,
    { values = [], config }: ClientQuery,
  ): Promise<pg.QueryResult> {
    const { statement, owners } = route
    const { text, parameters } = statement.query
    const given = parameters.map((number) => values[number - 1])
    if (client !== this.#participants.get(route.reads ?? '') && client.getTransactionStatus() === 'I')
      await client.query('begin read only')
    await client.query({ text: `declare ${CURSOR} no scroll cursor for ${text}`, values: given })
    const answers: pg.QueryResult[] = []
    const insertInto = async (group: string, rows: (string | null)[][]): Promise<pg.QueryResult> => {
      const part = statement.insert(rows.length, named, types)
      const own = { ...config, text: part.text, values: valuesOf(part.parameters, rows, values) }
      const nature = this.#source.natureIn(group, record)
      return (await this.#runIn(group, { ...own, name: undefined, nature }, true, true)) as pg.QueryResult
    }
    let named: readonly string[] | null = null
    let types: (string | null)[] = []
    for (let isFirst = true, isLast = false; !isLast; isFirst = false) {
      const fetching = client.query({ text: `fetch ${FETCHED_ROWS} from ${CURSOR}`, ...AS_TEXT })
      const fetched = (await fetching) as pg.QueryResult
      const rows = fetched.rows as unknown as (string | null)[][]
      isLast = rows.length < FETCHED_ROWS
      if (isFirst) {
        const oids = fetched.fields.map(({ dataTypeID }) => dataTypeID)
        owners.check(oids, statement.untyped)
        const { rows: names } = await client.query<[string]>({
          text: TYPE_NAMES,
          values: [oids],
          rowMode: 'array',
        })
        types = castsOf(
          statement,
          oids,
          names.map(([name]) => name),
        )
        named = route.columns?.slice(0, types.length) ?? null
        if (rows.length === 0) answers.push(await insertInto(route.any, []))
      }
      for (const some of insertsOf(route, rows, types.length, isLast)) {
        const parts = partRows(some, owners)
        const inserted = allOf(
          await Promise.allSettled(
            parts.map(({ group, rows: own }) =>
              insertInto(
                group,
                own.map((at) => some[at] as (string | null)[]),
              ),
            ),
          ),
        )
        answers.push(route.copies ? (inserted[0] as pg.QueryResult) : inOrder(inserted, parts))
      }
    }
    await client.query(`close ${CURSOR}`)
    return joined(answers)
  }

  /** What comes next is judged by what was changed, in the same transaction too. */
  async #noteSchema({ facts }: StatementRecord): Promise<void> {
    if (facts.kind !== 'ddl' || facts.traces.includes('temp')) return
    if (this.#begun === null) {
      await this.#source.schemaChanged()
      return
    }
    this.#changedSchema = true
    await this.#learnOwn()
  }

  async #learnOwn(): Promise<void> {
    const shard = [...this.#participants].find(([group]) => group !== this.#source.home)?.[1]
    if (shard !== undefined) this.#router = await this.#source.routeBy(shard)
  }

  async #runIn(group: string, config: object, writes: boolean, several = false): Promise<Answer> {
    if (this.refusal !== null) throw this.refusal
    const client = this.#participants.get(group) ?? (await this.#join(group, several))
    if (writes && this.#begun !== null) this.#wrote.add(group)
    // One that it comes back to: what it asked there before waited for nobody else.
    if (this.#several) this.#makePatient(client)
    return client.query(config as pg.QueryConfig)
  }

  /** `several`: others join at the same time. */
  async #join(group: string, several: boolean): Promise<OwnedClient & pg.PoolClient> {
    const isSecond = several || [...this.#participants.values()].some(({ opening }) => opening === null)
    if (isSecond && this.#begun !== null && isOfOneSnapshot([...this.#settings, ...this.#begun]))
      throw notSupported(
        'A transaction over several groups is READ COMMITTED: their snapshots are not of one moment.',
      )
    const client = await this.#source.connect(group, isSecond || this.#participants.size > 0)
    if (this.#turns.released) {
      client.release()
      throw alreadyReleased()
    }
    client.once('error', this.#onLost)
    for (const event of EVENTS) client.on(event, (said: unknown) => this.emit(event, said))
    this.#participants.set(group, client)
    try {
      await this.#bringUp(client, isSecond)
    } catch (error) {
      // Without what was set nothing may run on it.
      if (this.#participants.get(group) === client) this.#giveBack(group, client, client.dead)
      throw error
    }
    return client
  }

  /** Has it hear what the others have heard. */
  async #bringUp(client: OwnedClient, isSecond: boolean): Promise<void> {
    for (const { config } of this.#settings) await client.query(config)
    if (this.#begun === null) return
    if (this.#begun.every(({ kind }) => kind === 'begin'))
      // All of it goes ahead of the first statement, in one round trip.
      client.opening = this.#begun.map(({ config }) => config.text)
    else for (const { config } of this.#begun) await client.query(config)
    if (!isSecond) return
    this.#several = true
    this.#patient.delete(client)
    this.#makePatient(client)
  }

  /** Ahead of whatever it is asked next; if it fails, that fails too. */
  #makePatient(client: OwnedClient): void {
    if (this.#patient.has(client)) return
    this.#patient.add(client)
    if (client.opening !== null) client.opening = [...client.opening, LOCK_PATIENCE]
    else client.query({ text: LOCK_PATIENCE, nature: LEAVES_NOTHING } as pg.QueryConfig).catch(() => {})
  }

  readonly #onLost = (error: Error): void => {
    // What a transaction did there is gone; what a session held there too.
    this.#lost = true
    if (this.#begun !== null) {
      this.#failed = true
      this.#lostWith ??= error
    }
    this.emit('error', error)
  }

  /** Ends the transaction on every group, and gives back what nothing is left in. */
  async #end(commits: boolean): Promise<Answer> {
    const begun = this.#begun
    const failed = this.#failed
    const lost = this.#lostWith
    const writers = [...this.#participants].filter(([group]) => this.#wrote.has(group))
    const changedSchema = this.#changedSchema
    this.#begun = null
    this.#failed = false
    this.#lostWith = null
    this.#router = null
    this.#changedSchema = false
    this.#wrote.clear()
    this.#patient.clear()
    this.#several = false
    if (begun === null) return told(commits ? 'COMMIT' : 'ROLLBACK')
    try {
      this.unreplicated = false
      // Nobody has told its user yet that nothing of it will stay.
      if (commits && lost !== null) throw transactionLost(lost)
      if (!commits || failed) {
        await this.#rollBack()
        return told('ROLLBACK')
      }
      const answer = await this.#commit(writers, takesRole([...this.#settings, ...begun]))
      if (answer.command === 'COMMIT')
        for (const step of begun)
          if (step.kind === 'setting') this.#settings = withSetting(this.#settings, step)
      this.unreplicated = [...this.#participants.values()].some(({ unreplicated }) => unreplicated)
      if (changedSchema) await this.#source.schemaChanged()
      return answer
    } catch (error) {
      await this.#rollBack()
      throw error
    } finally {
      this.#giveBackClean()
    }
  }

  async #commit(
    writers: readonly (readonly [string, OwnedClient & pg.PoolClient])[],
    inRole: boolean,
  ): Promise<pg.QueryResult> {
    const wrote = new Set(writers.map(([, client]) => client))
    const readers = [...this.#participants.values()].filter((client) => !wrote.has(client))
    await Promise.all(readers.map((client) => end(client, 'COMMIT')))
    const [only] = writers
    if (only === undefined) return told('COMMIT')
    if (writers.length === 1) return ((await end(only[1], 'COMMIT')) ?? told('COMMIT')) as pg.QueryResult
    // Home decides where it has a part: what cannot be prepared (NOTIFY, temporary tables) is there.
    const parts = writers
      .map(([group, client]): Participant => ({ group, client: asPart(client), inRole }))
      .sort((a, b) => Number(b.group === this.#source.home) - Number(a.group === this.#source.home))
    await commitTogether(parts as [Participant, ...Participant[]], (group, statement) =>
      this.#source.endPrepared(group, statement),
    )
    return told('COMMIT')
  }

  async #rollBack(): Promise<void> {
    await Promise.allSettled([...this.#participants.values()].map(rollBack))
  }

  #giveBackClean(): void {
    for (const [group, client] of this.#participants)
      if (client.dead || (client.clean && !client.answering)) this.#giveBack(group, client, client.dead)
  }

  #giveBack(group: string, client: OwnedClient & pg.PoolClient, error?: Error | boolean): void {
    this.#participants.delete(group)
    client.removeListener('error', this.#onLost)
    client.release(error)
  }

  /** A property, since it is handed on by itself. */
  readonly release = (error?: Error | boolean): void => {
    this.#turns.release(error)
    this.emit(RELEASED)
    const giveBack = (): void => {
      for (const [group, client] of [...this.#participants]) this.#giveBack(group, client, error)
    }
    if (error) giveBack()
    else {
      this.#turns.whenIdle(giveBack)
      // One that nobody ends would keep the connections for ever.
      if (this.#copying !== null)
        setTimeout(() => this.#copying?.abort('the client was released'), CLOSING_MS).unref()
      if (this.#reading !== null)
        setTimeout(() => this.#reading?.abort(alreadyReleased()), CLOSING_MS).unref()
    }
  }

  /** For all that is run on it from now on, on whichever group; what its config says itself goes before. */
  setTypeParser(...parser: Parameters<pg.Client['setTypeParser']>): void {
    this.#types ??= new pg.TypeOverrides()
    const set = this.#types.setTypeParser as (...all: unknown[]) => void
    set.apply(this.#types, parser)
  }

  getTypeParser(...type: Parameters<pg.Client['getTypeParser']>): unknown {
    return (this.#types ?? pg.types).getTypeParser(...(type as Parameters<pg.Client['getTypeParser']>))
  }

  /** It has several server processes, or none. */
  get processID(): number | null {
    return null
  }

  connect(): Promise<never> {
    return Promise.reject(new Error('Client has already been connected. You cannot reuse a client.'))
  }
}

// Programs ask `instanceof pg.Client` to tell a client from a pool.
Object.setPrototypeOf(HerdClient.prototype, pg.Client.prototype)

interface Submittable {
  text?: unknown
  values?: unknown
  /** What `pg-query-stream` reads by. */
  cursor?: { text?: unknown; values?: unknown }
  _result?: { _types?: pg.CustomTypesConfig | undefined }
  submit(connection: unknown): void
  handleError(error: Error, connection: unknown): void
}

function isSubmittable(input: unknown): input is Submittable {
  return typeof (input as { submit?: unknown } | null | undefined)?.submit === 'function'
}

/** Throws VALUES_INVALID. */
function readCursor(input: Submittable): { text: string; values: readonly unknown[] } {
  const { text, values } = typeof input.text === 'string' ? input : (input.cursor ?? input)
  if (typeof text === 'string') return { text, values: Array.isArray(values) ? values : [] }
  throw new HerdError('VALUES_INVALID', `The text of a statement must be a string, not ${typeof text}.`)
}

/** It reads by a portal, as a cursor does. */
function isRowReader(input: Submittable): input is Submittable & RowReader {
  return 'handlePortalSuspended' in input && !(input instanceof pg.Query)
}

/** What all of them came to; throws the first failure, when all have ended. */
function allOf<T>(ended: readonly PromiseSettledResult<T>[]): T[] {
  return ended.map((each) => {
    if (each.status === 'rejected') throw each.reason
    return each.value
  })
}

function readQuery(input: unknown, given: unknown, types: pg.TypeOverrides | null): ClientQuery {
  const config =
    typeof input === 'string' ? { text: input } : (input as { text?: unknown; values?: unknown[] })
  const { text } = config ?? {}
  if (typeof text !== 'string')
    throw new HerdError('VALUES_INVALID', `The text of a statement must be a string, not ${typeof text}.`)
  const values = Array.isArray(given) ? given : config.values
  const typed = types === null ? config : { types, ...config }
  return { text, values, config: values === undefined ? typed : { ...typed, values } }
}

/** Of what is done on each of several groups, which of them would not. */
function sayWhere(group: string): (error: Error) => never {
  return (error) => {
    if (isHarmless(error)) error.message += ` (on ${group})`
    throw error
  }
}

/** Nothing was begun there yet. */
async function end(client: OwnedClient, command: 'COMMIT'): Promise<Answer | null> {
  if (client.opening !== null) {
    client.opening = null
    return null
  }
  return client.query(command) as Promise<Answer>
}

/** What ends a part of a transaction leaves nothing in the session. */
function asPart(client: OwnedClient): PartClient {
  return {
    query: (text) => client.query({ text, nature: { ...LEAVES_NOTHING, writes: true } } as pg.QueryConfig),
    get unreplicated() {
      return client.unreplicated
    },
  }
}

async function rollBack(client: OwnedClient): Promise<void> {
  if (client.opening !== null) client.opening = null
  else if (!client.dead && client.getTransactionStatus() !== 'I') await client.query('ROLLBACK')
}
