import { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { OwnedClient, TextNature } from '../owned-client.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { alreadyReleased, type Turns } from '../turns.js'
import { commitTogether, type PartClient, type Participant } from './commit-together.js'
import { allOf, notSupported, sqlError, told, transactionFailed, transactionLost } from './herd-answers.js'
import type { ClientQuery, Router } from './herd-route.js'
import {
  beginStep,
  isOfOneSnapshot,
  type SavepointCommand,
  type Step,
  savepointOf,
  stepsMoved,
  stepsOfChain,
  takesRole,
  withSetting,
} from './session-steps.js'

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
export const LEAVES_NOTHING: TextNature = {
  leavesTraces: false,
  writes: false,
  isSingle: false,
  mayDeferFlush: false,
}

const EVENTS = ['notice', 'notification'] as const
const CHAIN = /\band\s+chain\b/i

/**
 * Nobody sees that two transactions wait for each other on different servers: such a wait ends by itself, and
 * not for both at the same time.
 */
export const LOCK_PATIENCE = `select set_config('lock_timeout', (10000 + 5000 * random())::int::text, true) where current_setting('lock_timeout') = '0'`

/**
 * The connections that one client of a herd has, one for each group that it has to do with, what its session was
 * told, and its transaction: that begins on a group with the first statement that goes there, and is committed on all
 * of them or on none. Emits what its connections emit.
 */
export class HerdTransaction extends EventEmitter {
  readonly #source: HerdSource
  readonly #turns: Turns
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
  #changedSchema = false
  #lost = false
  /** Why a part of the transaction is gone. */
  #lostWith: Error | null = null
  /** Why nothing more is done. */
  refusal: Error | null = null
  /** What was committed last waits for no standby any more: the wait was cancelled. */
  unreplicated = false

  constructor(source: HerdSource, turns: Turns) {
    super()
    this.#source = source
    this.#turns = turns
  }

  /** Of the groups that it has to do with. */
  get clients(): readonly (OwnedClient & pg.PoolClient)[] {
    return [...this.#participants.values()]
  }

  get groups(): ReadonlySet<string> {
    return new Set(this.#participants.keys())
  }

  /** What was begun on a connection that is gone cannot be gone on with. */
  get isLost(): boolean {
    return this.#lost
  }

  get isOpen(): boolean {
    return this.#begun !== null
  }

  get status(): 'I' | 'T' | 'E' {
    if (this.#begun === null) return 'I'
    return this.#failed ? 'E' : 'T'
  }

  /** Something holds for the session that a connection has to be told. */
  get hasSettings(): boolean {
    return this.#settings.length > 0
  }

  /** The same, or for this transaction. */
  get isSet(): boolean {
    return this.#settings.length + this.#localSettings.length > 0
  }

  /** Who says where its statements go. */
  get router(): Router {
    return this.#router ?? this.#source.router
  }

  /** As in one database: after an error nothing of the transaction goes on. */
  fail(): void {
    if (this.#begun !== null) this.#failed = true
  }

  /** Throws what is said to whoever goes on after an error. */
  checkNotFailed(): void {
    if (this.#failed) throw this.#lostWith === null ? transactionFailed() : transactionLost(this.#lostWith)
  }

  noteWritten(group: string): void {
    if (this.#begun !== null) this.#wrote.add(group)
  }

  /** Also on those that a session is held on already, with the next statement there. */
  begin(steps: Step[]): void {
    this.#begun = steps
    const opening = steps.map(({ config }) => config.text)
    for (const client of this.#participants.values()) client.opening = opening
  }

  /** BEGIN, COMMIT and their like. */
  async control({ facts: { command }, shape }: StatementRecord, query: ClientQuery): Promise<Answer> {
    switch (command) {
      case 'BEGIN':
      case 'START TRANSACTION':
        if (this.#begun === null) this.begin([beginStep(shape)])
        return told(command)
      case 'COMMIT':
      case 'ROLLBACK': {
        if (!CHAIN.test(shape)) return this.end(command === 'COMMIT')
        if (this.#begun === null)
          throw sqlError('25P01', `${command} AND CHAIN can only be used in transaction blocks`)
        const chain = stepsOfChain(this.#begun)
        const answer = await this.end(command === 'COMMIT')
        this.begin(chain)
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
  async set(step: Step, record: StatementRecord, query: ClientQuery): Promise<Answer> {
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

  /** Throws what refuses a read of several shards in the midst of what it could not see. */
  checkFederated(): void {
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
  async askFederation<T>(ask: (client: OwnedClient & pg.PoolClient) => Promise<T>): Promise<T> {
    this.checkFederated()
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

  /** What comes next is judged by what was changed, in the same transaction too. */
  async noteSchema({ facts }: StatementRecord): Promise<void> {
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

  /** Runs one statement on one group. `several`: others are asked at the same time. */
  async run(group: string, config: object, writes: boolean, several = false): Promise<Answer> {
    if (this.refusal !== null) throw this.refusal
    const client = await this.clientOf(group, several)
    if (writes) this.noteWritten(group)
    return client.query(config as pg.QueryConfig)
  }

  /** The connection to a group. `several`: others join at the same time. */
  async clientOf(group: string, several: boolean): Promise<OwnedClient & pg.PoolClient> {
    const client = this.#participants.get(group) ?? (await this.#join(group, several))
    // One that it comes back to: what it asked there before waited for nobody else.
    if (this.#several) this.#makePatient(client)
    return client
  }

  /** The same, where a wait for a lock must end by itself: others may be waiting for what is held elsewhere. */
  async patientClientOf(group: string): Promise<OwnedClient & pg.PoolClient> {
    const client = await this.clientOf(group, true)
    this.#makePatient(client)
    return client
  }

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
  async end(commits: boolean): Promise<Answer> {
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
    await Promise.all(readers.map((client) => endOn(client, 'COMMIT')))
    const [only] = writers
    if (only === undefined) return told('COMMIT')
    if (writers.length === 1) return ((await endOn(only[1], 'COMMIT')) ?? told('COMMIT')) as pg.QueryResult
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

  /** Gives all connections back; with an error they are thrown away. */
  release(error?: Error | boolean): void {
    for (const [group, client] of [...this.#participants]) this.#giveBack(group, client, error)
  }
}

/** Nothing was begun there yet. */
async function endOn(client: OwnedClient, command: 'COMMIT'): Promise<Answer | null> {
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
