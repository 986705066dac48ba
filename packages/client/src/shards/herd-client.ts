import { EventEmitter } from 'node:events'
import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { noteEarlyClose } from '../early-close.js'
import type { OwnedClient } from '../owned-client.js'
import { sqlStateOf } from '../server-error.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { answerTo, readArguments, Turns } from '../turns.js'
import { notSupported, sqlError } from './herd-answers.js'
import { type ClientQuery, MOST_ROUTES, OTHER_EPOCH, type SpreadRoute } from './herd-route.js'
import { HerdStreams, isSubmittable, readCursor, type Submittable } from './herd-streams.js'
import { type HerdSource, HerdTransaction } from './herd-transaction.js'
import { beginStep, refuseAmongOthers, settingStep } from './session-steps.js'
import { runSpread } from './spread-writes.js'

const EVENTS = ['error', 'notice', 'notification'] as const

/**
 * A client of a herd of several groups, to be used like `pg.PoolClient`: sends what it is given to the groups it is
 * for, in a transaction over all of them where one was begun.
 */
export class HerdClient extends EventEmitter {
  readonly #source: HerdSource
  readonly #turns = new Turns()
  readonly #transaction: HerdTransaction
  readonly #streams: HerdStreams
  /** Opens a transaction ahead of the first statement; null when that is done, or there is none. */
  opening: readonly string[] | null = null
  #types: pg.TypeOverrides | null = null

  constructor(source: HerdSource) {
    super()
    this.#source = source
    this.#transaction = new HerdTransaction(source, this.#turns)
    const types = (): pg.CustomTypesConfig => this.#types ?? source.types
    this.#streams = new HerdStreams(this.#transaction, source, this.#turns, types)
    // As of every client of a pool: who uses it hears of it by its statements.
    this.on('error', () => {})
    for (const event of EVENTS) this.#transaction.on(event, (said: unknown) => this.emit(event, said))
  }

  /** What it had begun on a connection that is gone cannot be gone on with. */
  get dead(): boolean {
    return this.#transaction.isLost
  }

  get answering(): boolean {
    return this.#turns.waiting > 0
  }

  /** Of the server processes that have something of it under way. */
  get clients(): readonly OwnedClient[] {
    return this.#transaction.clients
  }

  /** Why its user gets nothing more done on it. */
  get refusal(): Error | null {
    return this.#transaction.refusal
  }

  set refusal(why: Error | null) {
    this.#transaction.refusal = why
  }

  /** What was committed last waits for no standby any more: the wait was cancelled. */
  get unreplicated(): boolean {
    return this.#transaction.unreplicated
  }

  getTransactionStatus(): 'I' | 'T' | 'E' {
    return this.#transaction.status
  }

  query(...args: unknown[]): unknown {
    const { input, values: given, done } = readArguments(args)
    if (isSubmittable(input)) {
      const endClose = noteEarlyClose(input)
      const refuse = (error: Error): void =>
        process.nextTick(() => {
          input.handleError(error, null)
          endClose()
        })
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
    if (facts.kind === 'transaction' && facts.statements === 1)
      return this.#transaction.control(record, query)
    this.#transaction.checkNotFailed()
    try {
      refuseAmongOthers(record, this.#transaction.isOpen)
      const setting = settingStep(record, query.config as pg.QueryConfig)
      return setting === null
        ? await this.#runRouted(record, query)
        : await this.#transaction.set(setting, record, query)
    } catch (error) {
      this.#transaction.fail()
      throw error
    }
  }

  async #runStream(input: Submittable): Promise<void> {
    if (this.refusal !== null) throw this.refusal
    const { text, values } = readCursor(input)
    const record = this.#source.look(text)
    this.open()
    await this.#streams.run(record, values, input)
  }

  /** Begins the transaction that `opening` asks for. */
  open(): void {
    if (this.opening === null) return
    this.#transaction.begin(this.opening.map(beginStep))
    this.opening = null
  }

  /** Again when the map has changed meanwhile, and nothing has been done under the one before. */
  async #runRouted(record: StatementRecord, query: ClientQuery): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#runOne(record, query)
      } catch (error) {
        if (sqlStateOf(error as Error) !== OTHER_EPOCH) throw error
        await this.#source.reload()
        if (this.#transaction.isOpen && this.#transaction.clients.length > 0)
          throw sqlError('40001', 'could not go on with the transaction: the shard map has changed')
        if (tries >= MOST_ROUTES) throw error
      }
    }
  }

  async #runOne(record: StatementRecord, query: ClientQuery): Promise<Answer> {
    const { router, groups, isOpen, hasSettings } = this.#transaction
    const route = await router.route(record, query.values, groups)
    switch (route.kind) {
      case 'scatter':
      case 'federation':
        return this.#readFederated(query)
      case 'group': {
        const nature = this.#source.natureIn(route.group, record)
        const isAlone = !isOpen && !hasSettings && !groups.has(route.group)
        if (isAlone && !nature.leavesTraces) return this.#source.query(query, this.#turns.thrownAway)
        const config = { ...query.config, text: route.text ?? query.text, nature }
        const answer = await this.#transaction.run(route.group, config, nature.writes)
        await this.#transaction.noteSchema(record)
        return answer
      }
      case 'each':
      case 'parts':
      case 'move':
      case 'select insert':
        if (isOpen) {
          if (route.kind === 'each' && route.apart)
            throw notSupported(`${record.facts.command} cannot run inside a transaction here.`)
          return this.runSpread(route, record, query)
        }
        if (!hasSettings) return this.#source.query(query, this.#turns.thrownAway)
        return this.#runSpreadAlone(route, record, query)
    }
  }

  /** Where something was set, by a connection on which that is set, too. */
  async #readFederated(query: ClientQuery): Promise<Answer> {
    this.#transaction.checkFederated()
    if (!this.#transaction.isSet) return this.#source.query(query, this.#turns.thrownAway)
    return this.#transaction.askFederation(
      (client) => client.query(query.config as pg.QueryConfig) as Promise<Answer>,
    )
  }

  /** Runs what goes to several groups, in the transaction that is open. */
  runSpread(route: SpreadRoute, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    return runSpread(this.#transaction, this.#source, route, record, query)
  }

  /** As a transaction of its own, with what was set for the session. */
  async #runSpreadAlone(route: SpreadRoute, record: StatementRecord, query: ClientQuery): Promise<Answer> {
    if (route.kind === 'each' && route.apart) {
      const answers: Answer[] = []
      for (const group of route.groups) answers.push(await this.#transaction.run(group, query.config, true))
      await this.#source.schemaChanged()
      return answers[0] as Answer
    }
    this.#transaction.begin([beginStep('BEGIN')])
    try {
      const answer = await this.runSpread(route, record, query)
      await this.#transaction.end(true)
      return answer
    } catch (error) {
      if (this.#transaction.isOpen) await this.#transaction.end(false)
      throw error
    }
  }

  /** A property, since it is handed on by itself. */
  readonly release = (error?: Error | boolean): void => {
    this.#turns.release(error)
    this.#streams.release()
    if (error) this.#transaction.release(error)
    else {
      this.#turns.whenIdle(() => this.#transaction.release())
      this.#streams.endSoon()
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
