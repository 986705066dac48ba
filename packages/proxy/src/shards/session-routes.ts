import {
  type CopyRoute,
  type HerdRoute,
  type RoutePlanner,
  type StatementRecord,
  settingStep,
} from '@pgherd/client/internal'
import { type ListedOrder, listedOrder } from '@pgherd/core/sql'
import type pg from 'pg'
import type { Request } from '../session/batch.js'
import type { Seat } from '../session/seat.js'
import type { VirtualStatement } from '../session/virtual-statement.js'
import { isAboutRows } from './about-rows.js'
import { CatalogueReads } from './catalogue-reads.js'
import type { HerdTransaction } from './herd-transaction.js'
import { cursorQuery, type OpenPortals } from './open-portals.js'
import type { SessionSeats } from './session-seats.js'
import type { ShardedDatabase } from './sharded-database.js'
import { TransactionPart } from './transaction-part.js'
import { isClose, type Unit } from './units.js'
import type { WireValue } from './wire-values.js'

/** What the catalogues of both say, together. */
export interface CatalogueRoute {
  readonly kind: 'catalogues'
  readonly home: string
  readonly shard: string
  readonly order: readonly ListedOrder[]
}

/** Where a statement of a session goes. */
export type SessionRoute = HerdRoute | CatalogueRoute

const NOWHERE: ReadonlySet<string> = new Set()
const GOES_BACK: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK', 'ROLLBACK TO'])

/** Which groups the statements of one session are for, by the schema as its transaction has changed it. */
export class SessionRoutes {
  readonly #database: ShardedDatabase
  readonly #seats: SessionSeats
  readonly #transaction: HerdTransaction
  readonly #portals: OpenPortals
  readonly catalogues: CatalogueReads
  /** Null: its transaction has changed nothing that statements are planned by. */
  #planner: RoutePlanner | null = null

  constructor(
    database: ShardedDatabase,
    seats: SessionSeats,
    transaction: HerdTransaction,
    portals: OpenPortals,
  ) {
    this.#database = database
    this.#seats = seats
    this.#transaction = transaction
    this.#portals = portals
    this.catalogues = new CatalogueReads(database.catalogueNames)
  }

  /** Groups that its transaction has to do with already. */
  get #near(): ReadonlySet<string> {
    const { joined } = this.#transaction
    return joined.size === 0 ? NOWHERE : new Set([...joined].map(({ place }) => place.group))
  }

  /** Null: it is a setting, or only prepares something. Throws what refuses it. */
  routeUnit({ record, values, portal }: Unit): SessionRoute | null {
    if (record === null) return portal === null ? null : { kind: 'group', group: this.#groupOfPortal(portal) }
    if (settingStep(record, { text: record.text }) !== null) return null
    const cursor = this.#portals.cursor(record)
    return cursor === null ? this.route(record, values) : { kind: 'group', group: cursor.place.group }
  }

  #groupOfPortal(portal: string): string {
    return (this.#portals.portal(portal) ?? this.#seats.home).place.group
  }

  /** A cursor goes where its query does. Throws what refuses it. */
  route(record: StatementRecord, values: readonly WireValue[]): SessionRoute {
    if (isAboutRows(record)) return this.#database.route(record, values, this.#near, this.#planner)
    const catalogues = this.#routeCatalogues(record, values)
    if (catalogues !== null) return catalogues
    const query = cursorQuery(record.text)
    const asked = query === null ? record : this.#database.look(query)
    return this.#database.route(asked, values, this.#near, this.#planner)
  }

  #routeCatalogues(record: StatementRecord, values: readonly WireValue[]): SessionRoute | null {
    const where = this.catalogues.whereOf(record, values)
    if (where === null) return null
    const { home, shards } = this.#database
    const shard = shards[0] as string
    if (where !== 'both') return { kind: 'group', group: where === 'home' ? home : shard }
    const order = this.#transaction.isOfOneSnapshot
      ? null
      : listedOrder(record.text, this.#database.catalogueNames.isBuiltin)
    return order === null ? { kind: 'group', group: home } : { kind: 'catalogues', home, shard, order }
  }

  /** SQL's PREPARE of a statement about tables that are spread. */
  preparesSpread(record: StatementRecord): boolean {
    return record.facts.command === 'PREPARE' && this.#database.spreadTable(record) !== null
  }

  /** In a transaction that has failed things can still be closed, and what ends it or goes back in it prepared. */
  isLetAfterError({ simple, requests }: Unit): boolean {
    return (
      simple === null &&
      requests.every((request) => isClose(request) || this.#goesBack(statementOf(request)?.text ?? ''))
    )
  }

  #goesBack(text: string): boolean {
    const { kind, command } = this.#database.look(text).facts
    return kind === 'transaction' && GOES_BACK.has(command)
  }

  routeCopy(record: StatementRecord): CopyRoute {
    return this.#database.routeCopy(record, this.#near, this.#planner)
  }

  /** Who can say what statements take and give that are only prepared. */
  describing(units: readonly Unit[]): Seat | 'federation' {
    const statements = units.flatMap(({ requests }) => requests.flatMap((each) => statementOf(each) ?? []))
    return this.#knowing(statements.map(({ text }) => this.#database.describing(this.#database.look(text))))
  }

  /** The same of a statement that SQL prepares. */
  describingPrepare(record: StatementRecord): Seat | 'federation' {
    return this.#knowing([this.#database.describing(record)])
  }

  #knowing(where: readonly ('home' | 'shard' | 'federation')[]): Seat | 'federation' {
    if (where.includes('federation')) return 'federation'
    if (!where.includes('shard')) return this.#seats.home
    const shards = this.#database.shards.map((group) => this.#seats.in(group))
    return shards.find((seat) => this.#transaction.joined.has(seat)) ?? (shards[0] as Seat)
  }

  /** What comes next is judged by what its transaction was told, in that transaction too. */
  async noteSchema({ facts }: StatementRecord): Promise<void> {
    if (facts.kind !== 'ddl' || facts.traces.includes('temp')) return
    this.#transaction.changedSchema = true
    await this.#learnOwn()
  }

  /** The transaction has gone back, and with it what it had changed. */
  async wentBack(): Promise<void> {
    if (this.#planner !== null) await this.#learnOwn()
  }

  async #learnOwn(): Promise<void> {
    const shard = [...this.#transaction.joined].find(({ place }) => place.group !== this.#database.home)
    if (shard === undefined) return
    this.#planner = await this.#database.routeBy(new TransactionPart(shard) as unknown as pg.ClientBase)
  }

  /** Its transaction ends. */
  forget(): void {
    this.#planner = null
  }
}

/** What a request prepares, or asks about; null: nothing. */
function statementOf(request: Request): VirtualStatement | null {
  return request.kind === 'parse' || request.kind === 'describe statement' ? request.statement : null
}
