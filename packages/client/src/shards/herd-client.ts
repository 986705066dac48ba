import { EventEmitter } from 'node:events'
import { HerdError } from '@pgherd/core'
import pg from 'pg'
import type { OwnedClient } from '../owned-client.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { commitTogether, type Participant } from './commit-together.js'

/** Where a statement of a client goes. */
export type Route =
  | { readonly kind: 'group'; readonly group: string }
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
  /** Read by somebody who puts together what several groups have. */
  | { readonly kind: 'federation' }

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

/** What a client of several groups asks of its pool. */
export interface HerdSource {
  look(text: string): StatementRecord
  /** `near`: groups that the client has to do with already. Throws what refuses it. */
  route(
    record: StatementRecord,
    values: readonly unknown[] | undefined,
    near: ReadonlySet<string>,
  ): Promise<Route>
  /** The way of `pool.query()`. */
  query(query: ClientQuery, signal: AbortSignal): Promise<Answer>
  /** A client of that group's primary for one caller. */
  connect(group: string): Promise<OwnedClient & pg.PoolClient>
  /** Ends a prepared transaction, now or as soon as that group can. */
  endPrepared(group: string, statement: string): Promise<void>
}

type Done = (error: Error | null, answer?: Answer) => void

const EVENTS = ['notice', 'notification'] as const

/** Commands that every part of a transaction must have said to it. */
const FOR_ALL: ReadonlySet<string> = new Set(['SAVEPOINT', 'RELEASE', 'ROLLBACK TO', 'SET', 'RESET'])
const OTHER_SNAPSHOT = /repeatable|serializable/i
/** Nobody sees that two transactions wait for each other on different servers: such a wait ends by itself. */
const LOCK_PATIENCE = `select set_config('lock_timeout', '10s', true) where current_setting('lock_timeout') = '0'`

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
  #begin: string[] | null = null
  /** What the session was told for its later transactions. */
  readonly #settings: string[] = []
  #failed = false
  /** Opens a transaction ahead of the first statement; null when that is done, or there is none. */
  opening: readonly string[] | null = null
  /** Why its user gets nothing more done on it. */
  refusal: Error | null = null
  #lost = false
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #released = false
  readonly #thrownAway = new AbortController()

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
    return this.#waiting > 0
  }

  get unreplicated(): boolean {
    return [...this.#participants.values()].some(({ unreplicated }) => unreplicated)
  }

  /** Of the server processes that have something of it under way. */
  get clients(): readonly OwnedClient[] {
    return [...this.#participants.values()]
  }

  getTransactionStatus(): 'I' | 'T' | 'E' {
    if (this.#begin === null) return 'I'
    return this.#failed ? 'E' : 'T'
  }

  query(...args: unknown[]): unknown {
    const done = args.find((each) => typeof each === 'function') as Done | undefined
    const [input, given] = args.filter((each) => each !== done)
    const answer = this.#inTurn(() => this.#run(input, given))
    if (done === undefined) return answer
    answer.then(
      (result) => process.nextTick(done, null, result),
      (error: Error) => process.nextTick(done, error),
    )
    return undefined
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.refusal !== null) return Promise.reject(this.refusal)
    if (this.#released) return Promise.reject(released('This client has been released to the pool already.'))
    const turn = this.#waiting++ === 0 ? work() : this.#last.then(work)
    const ended = (): void => {
      this.#waiting--
    }
    this.#last = turn.then(ended, ended)
    return turn
  }

  async #run(input: unknown, given: unknown): Promise<Answer> {
    const query = readQuery(input, given)
    if (this.opening !== null) {
      this.#begin = [...this.opening]
      this.opening = null
    }
    const record = this.#source.look(query.text)
    const { facts } = record
    if (facts.statements > 1 && facts.kind === 'transaction')
      throw notSupported('BEGIN, COMMIT and the like go each by themselves to a herd that is sharded.')
    if (facts.kind === 'transaction') return this.#control(facts.command, query)
    if (this.#failed)
      throw Object.assign(
        new Error('current transaction is aborted, commands ignored until end of transaction block'),
        { code: '25P02' },
      )
    try {
      return FOR_ALL.has(facts.command) ? await this.#sayToAll(query) : await this.#runOne(record, query)
    } catch (error) {
      // As in one database: after an error nothing of the transaction goes on.
      if (this.#begin !== null) this.#failed = true
      throw error
    }
  }

  async #control(command: string, query: ClientQuery): Promise<Answer> {
    switch (command) {
      case 'BEGIN':
      case 'START TRANSACTION':
        this.#begin ??= [query.text]
        return told(command)
      case 'COMMIT':
        return this.#end(true)
      case 'ROLLBACK':
        return this.#end(false)
      case 'SAVEPOINT':
      case 'RELEASE':
      case 'ROLLBACK TO': {
        if (this.#begin === null)
          throw Object.assign(new Error(`${command} can only be used in transaction blocks`), {
            code: '25P01',
          })
        if (this.#failed && command !== 'ROLLBACK TO')
          throw Object.assign(new Error('current transaction is aborted'), { code: '25P02' })
        const answer = await this.#sayToAll(query)
        if (command === 'ROLLBACK TO') this.#failed = false
        return answer
      }
      default:
        throw notSupported(`${command} is what a sharded herd does itself, over all its groups.`)
    }
  }

  async #sayToAll(query: ClientQuery): Promise<Answer> {
    if (this.#begin === null) this.#settings.push(query.text)
    else this.#begin.push(query.text)
    const answers = await Promise.all(
      [...this.#participants.values()].map((client) => client.query(query.config as pg.QueryConfig)),
    )
    return answers[0] ?? told(query.text.trim().split(/\s/)[0]?.toUpperCase() ?? '')
  }

  async #runOne(record: StatementRecord, query: ClientQuery): Promise<Answer> {
    const near = new Set(this.#participants.keys())
    const route = await this.#source.route(record, query.values, near)
    const { leavesTraces, writes } = record.nature
    const isAlone = this.#begin === null && this.#settings.length === 0
    switch (route.kind) {
      case 'federation':
        if (this.#wrote.size > 0 || (this.#begin !== null && OTHER_SNAPSHOT.test(this.#begin.join(' '))))
          throw notSupported(
            'A read of several shards sees what is committed: it cannot see what this transaction has written, nor keep to its snapshot.',
          )
        return this.#source.query(query, this.#thrownAway.signal)
      case 'group': {
        if (isAlone && !leavesTraces && !near.has(route.group))
          return this.#source.query(query, this.#thrownAway.signal)
        return this.#runIn(route.group, query.config, writes)
      }
      case 'each':
      case 'parts':
        if (route.kind === 'each' && route.apart && this.#begin !== null)
          throw notSupported(`${record.facts.command} cannot run inside a transaction here.`)
        if (this.#begin === null) return this.#source.query(query, this.#thrownAway.signal)
        return this.runSpread(route, record, query)
    }
  }

  /** Runs what goes to several groups, in the transaction that is open. */
  async runSpread(
    route: Extract<Route, { kind: 'each' | 'parts' }>,
    { nature }: StatementRecord,
    query: ClientQuery,
  ): Promise<Answer> {
    if (route.kind === 'each') {
      const answers: pg.QueryResult[] = []
      // One after the other, in one order everywhere: so two of them do not wait for each other.
      for (const group of route.groups)
        answers.push((await this.#runIn(group, query.config, true)) as pg.QueryResult)
      return route.whole ? (answers[0] as pg.QueryResult) : joined(answers)
    }
    const running = route.parts.map(({ group, text, values }) =>
      this.#runIn(group, { ...query.config, text, values, name: undefined, nature }, true, true),
    )
    // What still runs would go on after the transaction has ended.
    const ended = await Promise.allSettled(running)
    const failed = ended.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const answers = ended.map((each) => (each as PromiseFulfilledResult<Answer>).value as pg.QueryResult)
    return inOrder(answers, route.parts)
  }

  async #runIn(group: string, config: object, writes: boolean, several = false): Promise<Answer> {
    const client = this.#participants.get(group) ?? (await this.#join(group, several))
    if (writes) this.#wrote.add(group)
    return client.query(config as pg.QueryConfig)
  }

  /** `several`: others join at the same time. */
  async #join(group: string, several: boolean): Promise<OwnedClient & pg.PoolClient> {
    const others = this.#participants.size
    if (others > 0 && this.#begin !== null && OTHER_SNAPSHOT.test(this.#begin.join(' ')))
      throw notSupported(
        'A transaction over several groups is READ COMMITTED: their snapshots are not of one moment.',
      )
    const client = await this.#source.connect(group)
    if (this.#released) {
      client.release()
      throw released('This client has been released to the pool already.')
    }
    client.once('error', this.#onLost)
    for (const event of EVENTS) client.on(event, (said: unknown) => this.emit(event, said))
    this.#participants.set(group, client)
    for (const text of this.#settings) await client.query(text)
    if (this.#begin !== null) {
      // All of it goes ahead of the first statement, in one round trip.
      client.opening = others > 0 || several ? [...this.#begin, LOCK_PATIENCE] : this.#begin
      const [first] = this.#participants.values()
      // Ahead of whatever it is asked next; if it fails, that fails too.
      if (others === 1) first?.query(LOCK_PATIENCE).catch(() => {})
    }
    return client
  }

  readonly #onLost = (error: Error): void => {
    // What a transaction did there is gone; what a session held there too.
    this.#lost = true
    this.#failed = this.#begin !== null
    this.emit('error', error)
  }

  /** Ends the transaction on every group, and gives back what nothing is left in. */
  async #end(commits: boolean): Promise<Answer> {
    const begun = this.#begin !== null
    const failed = this.#failed
    const writers = [...this.#participants].filter(([group]) => this.#wrote.has(group))
    const readers = [...this.#participants.values()].filter(
      (client) => !writers.some(([, each]) => each === client),
    )
    this.#begin = null
    this.#failed = false
    this.#wrote.clear()
    try {
      if (!begun) return told(commits ? 'COMMIT' : 'ROLLBACK')
      if (!commits || failed) {
        await Promise.allSettled([...this.#participants.values()].map(rollBack))
        return told('ROLLBACK')
      }
      await Promise.all(readers.map((client) => end(client, 'COMMIT')))
      const parts = writers.map(([group, client]): Participant => ({ group, client }))
      const [first, ...others] = parts
      if (first === undefined) return told('COMMIT')
      if (others.length === 0) return (await end(first.client, 'COMMIT')) ?? told('COMMIT')
      await commitTogether([first, ...others], (group, statement) =>
        this.#source.endPrepared(group, statement),
      )
      return told('COMMIT')
    } catch (error) {
      await Promise.allSettled([...this.#participants.values()].map(rollBack))
      throw error
    } finally {
      this.#giveBackClean()
    }
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
    if (this.#released)
      throw released('Release called on client which has already been released to the pool.')
    this.#released = true
    if (error) this.#thrownAway.abort(new Error('Connection terminated: the client was thrown away.'))
    const giveBack = (): void => {
      for (const [group, client] of [...this.#participants]) this.#giveBack(group, client, error)
    }
    if (this.#waiting === 0 || error) giveBack()
    else void this.#last.then(giveBack)
  }

  connect(): Promise<never> {
    return Promise.reject(new Error('Client has already been connected. You cannot reuse a client.'))
  }
}

// Programs ask `instanceof pg.Client` to tell a client from a pool.
Object.setPrototypeOf(HerdClient.prototype, pg.Client.prototype)

function readQuery(input: unknown, given: unknown): ClientQuery {
  if (typeof (input as { submit?: unknown } | null)?.submit === 'function')
    throw notSupported('Cursors and streams need one group: take one of its nodes into a pool of its own.')
  const config =
    typeof input === 'string' ? { text: input } : (input as { text?: unknown; values?: unknown[] })
  const { text } = config ?? {}
  if (typeof text !== 'string')
    throw new HerdError('VALUES_INVALID', `The text of a statement must be a string, not ${typeof text}.`)
  const values = Array.isArray(given) ? given : config.values
  return { text, values, config: values === undefined ? config : { ...config, values } }
}

/** Nothing was begun there yet. */
async function end(client: OwnedClient, command: 'COMMIT'): Promise<Answer | null> {
  if (client.opening !== null) {
    client.opening = null
    return null
  }
  return client.query(command) as Promise<Answer>
}

async function rollBack(client: OwnedClient): Promise<void> {
  if (client.opening !== null) client.opening = null
  else if (!client.dead && client.getTransactionStatus() !== 'I') await client.query('ROLLBACK')
}

/** An answer of nobody's but ours. */
function told(command: string): pg.QueryResult {
  return { command, rowCount: null as unknown as number, oid: 0, fields: [], rows: [] }
}

/** What each did with its rows, as one did it with all. */
function joined(answers: readonly pg.QueryResult[]): pg.QueryResult {
  const [first] = answers as [pg.QueryResult]
  first.rows = answers.flatMap(({ rows }) => rows)
  first.rowCount = answers.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0)
  return first
}

function inOrder(answers: readonly pg.QueryResult[], parts: readonly StatementPart[]): pg.QueryResult {
  const rows: unknown[] = []
  const isWhole = answers.every(({ rows: part }, at) => part.length === parts[at]?.rows.length)
  for (const [at, part] of parts.entries())
    for (const [place, row] of part.rows.entries()) rows[row] = answers[at]?.rows[place]
  const whole = joined(answers)
  // ON CONFLICT DO NOTHING leaves rows out, and nothing says which.
  if (isWhole) whole.rows = rows
  return whole
}

function notSupported(message: string): HerdError {
  return new HerdError('NOT_SUPPORTED', message)
}

function released(message: string): HerdError {
  return new HerdError('CLIENT_RELEASED', message)
}
