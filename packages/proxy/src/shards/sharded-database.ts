import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CopyRoute,
  type FullPlacement,
  fetchCatalogueWithin,
  fetchPlacedCatalogue,
  fetchPlacement,
  type HerdRoute,
  isHarmless,
  MissingTable,
  planHerdRoute,
  RoutePlanner,
  type StatementRecord,
} from '@pgherd/client/internal'
import { HerdError } from '@pgherd/core'
import type { Catalogue } from '@pgherd/core/sql'
import type pg from 'pg'
import type { Credentials } from '../auth/scram-client.js'
import { DatabaseBook } from '../database-book.js'
import type { ServerConnection } from '../server/server-connection.js'
import type { Identity, Tenant } from '../server/tenant.js'
import type { Place } from '../session/seat.js'
import type { HerdGroups, ProxyGroup } from './herd-groups.js'
import { type WireValue, WireValues } from './wire-values.js'

/** Of the federation, beside the database whose tables it puts together. */
const FEDERATION_SUFFIX = '_herd'
/** A table that is not there may have been made since. */
const LEARN_AGAIN_MS = 100
/** How long a change of the schema waits for the federation to follow. */
const FEDERATION_WAIT_MS = 5000
const FEDERATION_POLL_MS = 10
/** How often it is looked whether a primary can be asked. */
const ASK_AGAIN_MS = 50
const OF_SYSTEM: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pgherd'])
const UNDEFINED_OBJECT = '42704'

/** Who uses a database, as whom. */
export interface Guest {
  readonly identity: Identity
  readonly credentials: Credentials
}

/** Whose names are in catalogues. */
export interface CatalogueNames {
  /** Of a table that is spread, or of an index or a sequence of one. */
  readonly isSpread: (name: string) => boolean
  /** Of a table that is not. */
  readonly isHome: (name: string) => boolean
  /** Of a function that is PostgreSQL's own, and of no other. */
  readonly isBuiltin: (name: string) => boolean
}

/** A database whose tables are spread over groups, and which of them a statement is for. */
export class ShardedDatabase {
  readonly #name: string
  readonly #groups: HerdGroups
  readonly #open = new Map<string, ProxyGroup>()
  /** What is known of statements for shards: all have the same tables. */
  readonly #shardBook: DatabaseBook
  readonly #homeBook: DatabaseBook
  #federationBook: DatabaseBook | null = null
  #placement: FullPlacement
  #planner: RoutePlanner | null = null
  #reloading: Promise<void> | null = null
  #learning: Promise<void> | null = null
  #learntAtMs = Number.NEGATIVE_INFINITY
  #turn = 0

  private constructor(name: string, placement: FullPlacement, groups: HerdGroups, noticed: () => void) {
    this.#name = name
    this.#placement = placement
    this.#groups = groups
    this.#shardBook = new DatabaseBook(
      { borrow: (role, database, work) => this.#anyShard.link.borrow(role, database, work) },
      name,
      noticed,
    )
    this.#homeBook = new DatabaseBook(
      { borrow: (role, database, work) => this.groupOf(placement.home).link.borrow(role, database, work) },
      name,
      noticed,
    )
  }

  /** Null: its tables are not spread. */
  static async open(name: string, groups: HerdGroups, noticed: () => void): Promise<ShardedDatabase | null> {
    const placement = await groups.first.link.borrow('primary', name, fetchPlacement)
    if (placement === null) return null
    const database = new ShardedDatabase(name, placement, groups, noticed)
    await database.#openGroups()
    await Promise.all([database.#shardBook.ready(), database.#homeBook.ready()])
    await database.learn()
    return database
  }

  get home(): string {
    return this.#placement.home
  }

  get shards(): readonly string[] {
    return this.#placement.map.shards
  }

  async #openGroups(): Promise<void> {
    const { groups, map, home, thisGroup } = this.#placement
    const wanted = new Set([home, ...map.shards])
    await Promise.all(
      groups
        .filter(({ name }) => wanted.has(name))
        .map(async ({ name, nodes }) => {
          this.#open.set(name, name === thisGroup ? this.#groups.first : await this.#groups.open(name, nodes))
        }),
    )
  }

  groupOf(name: string): ProxyGroup {
    const group = this.#open.get(name)
    if (group === undefined) throw new HerdError('SHARD_MAP_INVALID', `The shard map names no group ${name}.`)
    return group
  }

  get #anyShard(): ProxyGroup {
    const shards = this.shards.map((name) => this.groupOf(name))
    return shards.find(({ link }) => link.view.primary !== null) ?? (shards[0] as ProxyGroup)
  }

  /** Every connection says under which map its statements were planned: under another one it gets none. */
  #welcomeTo(group: string): (connection: ServerConnection) => Promise<void> {
    const name = group.replaceAll("'", "''")
    return (connection) => {
      const enter = `select pgherd.enter(${this.#placement.map.epoch}, '${name}')`
      // A lane's patience is for statements.
      return connection.run(`begin; set local statement_timeout = 0; ${enter}; commit`)
    }
  }

  placeIn(group: string, { identity, credentials }: Guest): Place {
    const { link, tenants } = this.groupOf(group)
    const tenant: Tenant = tenants.join(identity, credentials)
    tenant.welcome ??= this.#welcomeTo(group)
    const book = group === this.home ? this.#homeBook : this.#shardBook
    return { group, link, tenant, book, isReadOnly: false }
  }

  /** Where what several groups have is put together. Rejects while that is not there yet. */
  async federationFor({ identity, credentials }: Guest): Promise<Place> {
    const database = `${this.#name}${FEDERATION_SUFFIX}`
    const { link, tenants } = this.groupOf(this.home)
    this.#federationBook ??= new DatabaseBook(link, database, () => {}, true)
    const book = this.#federationBook
    await book.ready()
    const tenant = tenants.join({ ...identity, database }, credentials)
    return { group: database, link, tenant, book, isReadOnly: true }
  }

  // ---- which group

  /** By what judges the tables of the home group. */
  get homeCatalogue(): Catalogue {
    return this.#homeBook.catalogue
  }

  /** What a text is, wherever it goes. */
  look(text: string): StatementRecord {
    return this.#homeBook.look(text)
  }

  /**
   * `near`: groups that are preferred where several would do; `planner`: by the schema as a transaction has changed
   * it, null for what all see. Throws what refuses it, MissingTable for one that may have been made since.
   */
  route(
    record: StatementRecord,
    values: readonly WireValue[],
    near: ReadonlySet<string>,
    planner: RoutePlanner | null,
  ): HerdRoute {
    return planHerdRoute(planner ?? (this.#planner as RoutePlanner), record, values, near, this.#turn++, this)
  }

  /** Where a COPY goes, as `route` says it of others. */
  routeCopy(record: StatementRecord, near: ReadonlySet<string>, planner: RoutePlanner | null): CopyRoute {
    const by = planner ?? (this.#planner as RoutePlanner)
    return by.routeCopy(record, near, this.#turn++, (text) => this.look(text))
  }

  /** Who knows what a statement takes and gives, without its values. */
  describing({ facts }: StatementRecord): 'home' | 'shard' | 'federation' {
    const planner = this.#planner as RoutePlanner
    const spread = facts.tables.filter((table) => planner.table(table) !== null)
    if (spread.length === 0) return 'home'
    return spread.length === facts.tables.length ? 'shard' : 'federation'
  }

  /** A table that a statement names and whose rows are on shards; null: none. */
  spreadTable({ facts }: StatementRecord): string | null {
    const planner = this.#planner as RoutePlanner
    return facts.tables.find((table) => planner.table(table) !== null)?.name ?? null
  }

  /** Without their schemas. */
  get catalogueNames(): CatalogueNames {
    return {
      isSpread: (name) => this.#spreadNames.has(name) || this.#planner?.has({ schema: null, name }) === true,
      isHome: (name) =>
        this.#homeBook.catalogue.relations.get(name)?.some(({ schema }) => !OF_SYSTEM.has(schema)) === true,
      isBuiltin: (name) =>
        this.#homeBook.catalogue.functions.get(name)?.every(({ builtin }) => builtin) === true,
    }
  }

  get #spreadNames(): ReadonlySet<string> {
    return new Set(Object.keys(this.#placement.tables).map((name) => name.slice(name.indexOf('.') + 1)))
  }

  /** By what the schema is to that client of a shard, inside its transaction. */
  async routeBy(client: pg.ClientBase): Promise<RoutePlanner> {
    const planner = await this.#plannerBy(client, await fetchCatalogueWithin(client))
    // Nothing could be done with such a table: its transaction had better not make it.
    for (const [table, why] of planner.unusable) if (!this.#planner?.unusable.has(table)) throw why
    return planner
  }

  async #plannerBy(client: pg.ClientBase, catalogue = this.#shardBook.catalogue): Promise<RoutePlanner> {
    const names = Object.keys(this.#placement.tables)
    const found = await fetchPlacedCatalogue(client, names)
    return new RoutePlanner(
      this.#placement,
      found,
      catalogue,
      (values) => new WireValues(values as readonly WireValue[]),
    )
  }

  /** A table that was not there a while ago may be there now. */
  mayLearn(error: Error): boolean {
    return error instanceof MissingTable && performance.now() - this.#learntAtMs > LEARN_AGAIN_MS
  }

  /** As `HerdLink.borrow`, when there is a primary to ask: it may have gone a moment ago. */
  async #ask<T>({ link }: ProxyGroup, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + link.settings.failoverWaitMs
    for (;;) {
      try {
        return await link.borrow('primary', this.#name, work)
      } catch (error) {
        const isAway = error instanceof HerdError && error.code === 'NO_PRIMARY'
        if ((!isAway && isHarmless(error as Error)) || performance.now() > deadlineMs) throw error
      }
      await sleep(ASK_AGAIN_MS)
    }
  }

  /** What the shards have of the tables that are spread. */
  learn(): Promise<void> {
    this.#learning ??= (async () => {
      this.#learntAtMs = performance.now()
      this.#planner = await this.#ask(this.#anyShard, (client) => this.#plannerBy(client))
    })().finally(() => {
      this.#learning = null
    })
    return this.#learning
  }

  /** What has been learnt of names may have been changed by others: it is learnt again now and then. */
  learnOften(): void {
    if (this.#planner?.catalogue === this.#shardBook.catalogue) return
    if (performance.now() - this.#learntAtMs > LEARN_AGAIN_MS) this.learn().catch(() => {})
  }

  /** The map is another one now. */
  reload(): Promise<void> {
    this.#reloading ??= (async () => {
      const placement = await this.#ask(this.groupOf(this.home), fetchPlacement)
      if (placement === null) throw new HerdError('SHARD_MAP_INVALID', 'The herd has no shard map any more.')
      this.#placement = { ...placement, thisGroup: this.#placement.thisGroup }
      await this.#openGroups()
      await this.learn()
    })().finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  // ---- changes

  /**
   * The next statement is judged by what is there now; one over shards is answered from it, too. The change
   * itself is done: it does not fail because somebody cannot be asked about it now.
   */
  async schemaChanged(): Promise<void> {
    await this.#awaitFederation().catch(() => {})
    this.#homeBook.changed()
    await Promise.all([this.#homeBook.loading, this.#shardBook.reread(), this.#federationBook?.reread()])
    await this.learn().catch(() => {
      this.#learntAtMs = Number.NEGATIVE_INFINITY
    })
  }

  async #awaitFederation(): Promise<void> {
    await this.#ask(this.groupOf(this.home), async (client) => {
      const { rows } = await client.query('select pgherd.note_schema_change() as noted')
      const deadlineMs = performance.now() + FEDERATION_WAIT_MS
      while (performance.now() < deadlineMs) {
        const asked = 'select from pgherd.schema_change where done >= $1'
        const { rowCount } = await client.query(asked, [rows[0].noted])
        if (rowCount === 1) return
        await sleep(FEDERATION_POLL_MS)
      }
    })
  }

  /** Somebody elsewhere has changed what statements are judged by. */
  async reread(): Promise<void> {
    await Promise.all([this.#homeBook, this.#shardBook, this.#federationBook].map((book) => book?.reread()))
    await this.learn()
  }

  touch(nowMs: number): void {
    for (const book of [this.#homeBook, this.#shardBook, this.#federationBook]) book?.touch(nowMs)
  }

  /** Ends a prepared transaction, now or as soon as that group can. Rejects when it could not for long. */
  async endPrepared(group: string, statement: string): Promise<void> {
    try {
      await this.#ask(this.groupOf(group), (client) => client.query(statement))
    } catch (error) {
      // Somebody else has ended it the same way.
      if ((error as { code?: string }).code !== UNDEFINED_OBJECT) throw error
    }
  }
}
