import { HerdError } from '@pgherd/core'
import {
  type Calls,
  judgeCalls,
  type KeyValues,
  LiteralValues,
  type Move,
  type PlacedNames,
  type PreparedShards,
  planSchemaChange,
  planShards,
  prepareShards,
  RowValues,
  type ShardedTable,
  ShardedTables,
  type ShardPlan,
} from '@pgherd/core/routing'
import { CopySplitter, type KeyType, locateKey, locateRow, type PlacedTable } from '@pgherd/core/sharding'
import {
  type Catalogue,
  type CopyIn,
  comparesValues,
  type InsertFacts,
  type InsertRows,
  type NotScattered,
  nameColumns,
  type QualifiedName,
  type RowText,
  readCopy,
  readScatter,
  readSchemaChange,
  readSelectInsert,
  type ScatterRead,
  type StatementFacts,
  splitInsert,
} from '@pgherd/core/sql'
import type { StatementRecord } from '../statement-book.js'
import { ClientValues } from './client-values.js'
import type { CopyRoute } from './copy-route.js'
import type { Route, StatementPart } from './herd-route.js'
import { KeyChange, type MoveRoute } from './move-rows.js'
import { type FullPlacement, type PlacedCatalogue, shardedTablesOf } from './placed-columns.js'
import { ownedByAll, ownedByKey, type SelectInsertRoute } from './select-insert-route.js'

const NO_VALUES: readonly unknown[] = []
/** Names of schemas that a table without one may be in. */
const PUBLIC = 'public'
/** Commands beside DDL that are about tables as such. */
const ABOUT_TABLES: ReadonlySet<string> = new Set(['TRUNCATE', 'LOCK'])

/** What a server says of a table that is not there. */
export class MissingTable extends Error {
  readonly code = '42P01'
  readonly severity = 'ERROR'

  constructor(name: string) {
    super(`relation "${name}" does not exist`)
  }
}

/** Reads keys from the values of one call. */
export type ReadValues = (values: readonly unknown[]) => KeyValues

/** What is known of all statements of a shape. */
interface PreparedStatement {
  /** A table that is spread by the spec, and was not there when the shards were asked. */
  readonly missing: QualifiedName | null
  readonly prepared: PreparedShards
  /** Why no shard may be asked by itself; null where all compute and compare alike. */
  readonly whyNotScattered: string | null
  /** An INSERT into a sharded table that names no columns. */
  readonly positional: InsertFacts | null
}

/** Why rows of several shards have to come together before anything is said of them. */
function whyTogether({ colocated, home }: Extract<ShardPlan, { kind: 'read all' }>): string | null {
  if (home) return 'it reads tables of the home group, too'
  return colocated ? null : 'its rows may be made of rows of several shards'
}

function nameIn({ schema, name }: QualifiedName): string {
  return `${schema ?? PUBLIC}.${name}`
}

/** Of an INSERT that is taken apart no server counts the values: those left out would be NULL. */
function checkCount({ facts, rows }: StatementRecord, { length }: readonly unknown[]): void {
  const { maxParameter } = rows ?? facts
  if (length === maxParameter) return
  throw Object.assign(
    new Error(`bind message supplies ${length} parameters, but the statement requires ${maxParameter}`),
    { code: '08P01', severity: 'ERROR' },
  )
}

/** Of what is not for one group, nor taken apart here. */
function refusalOfCopy(plan: ShardPlan | null): HerdError {
  if (plan?.kind === 'refused') return new HerdError(plan.code, plan.message, { hint: plan.hint })
  return new HerdError(
    'NOT_SUPPORTED',
    'This COPY is not possible with tables that are spread over shards.',
    {
      hint: 'Use COPY table FROM STDIN, or COPY (SELECT …) TO STDOUT.',
    },
  )
}

/** What is said of a transaction, a session or a moment. */
const MOMENTARY: ReadonlySet<string> = new Set([
  'now',
  'transaction_timestamp',
  'statement_timestamp',
  'age',
  'current_setting',
  'current_schema',
  'current_schemas',
  'current_database',
  'txid_current_snapshot',
  'pg_current_snapshot',
  'pg_backend_pid',
])

const UTF_8 = /^(utf-?8|unicode)$/i

/** Why it would not do on shards what it does in one database; null when it does. */
function whyNotCopied(
  { apart, encoding, hasCondition, format }: CopyIn,
  { kind, varying }: ShardedTable,
  columns: readonly string[],
  calls: Calls,
): string | null {
  const [option] = apart
  if (option !== undefined) return `each shard would go by ${option} for itself`
  if (encoding !== null && !UTF_8.test(encoding)) return `shard keys are read in UTF-8, not in ${encoding}`
  if (hasCondition && calls === 'unknown') return 'WHERE runs code that may do anything'
  if (kind === 'sharded') return null
  if (calls === 'unknown') return 'the copies might come to differ, as it runs code that may do anything'
  if (hasCondition && calls !== 'immutable') return 'each shard might leave out other rows'
  const varies = format.kind !== 'binary' && format.default !== null
  const drawn = varying.find((column) => varies || !columns.includes(column))
  return drawn === undefined ? null : `each shard would make a value of its own for ${drawn}`
}

/** Says which groups of a herd statements are for, under one epoch of its map. */
export class RoutePlanner implements PlacedNames {
  readonly #placement: FullPlacement
  readonly #relations: ReadonlySet<string>
  readonly strided: boolean
  readonly #tables: ShardedTables
  readonly #known: ReadonlySet<string>
  /** Columns of tables, in their order, that are not generated. */
  readonly #copied = new Map<string, string[]>()
  /** Tables with columns that sort in a way of their own. */
  readonly #collated: ReadonlySet<string>
  /** By what the servers of the tables had under their names. */
  readonly catalogue: Catalogue
  /** Why no statement can be planned that names one of them, by full name. */
  readonly unusable: ReadonlyMap<string, HerdError>
  readonly #prepared = new WeakMap<StatementFacts, PreparedStatement>()
  /** INSERTs that have been taken apart. */
  readonly #splits = new WeakMap<StatementRecord, InsertRows>()
  /** Reads that have been taken apart. */
  readonly #scatters = new WeakMap<StatementRecord, ScatterRead | NotScattered>()
  readonly #rowText: RowText
  readonly #toHome: Route
  readonly #toShard: readonly Route[]

  readonly #read: ReadValues

  /** `read`: how the values of a call are read. */
  constructor(
    placement: FullPlacement,
    found: PlacedCatalogue,
    catalogue: Catalogue,
    read: ReadValues = (values) => new ClientValues(values),
  ) {
    this.#placement = placement
    this.#read = read
    this.#relations = found.relations
    this.#rowText = found.rowText
    this.strided = found.strided
    this.catalogue = catalogue
    this.#toHome = { kind: 'group', group: placement.home }
    this.#toShard = placement.map.shards.map((group) => ({ kind: 'group', group }))
    this.#collated = new Set(
      found.columns
        .filter(({ collated }) => collated)
        .map(({ schema, table: name }) => nameIn({ schema, name })),
    )
    this.#known = new Set(found.columns.map(({ schema, table: name }) => nameIn({ schema, name })))
    for (const { schema, table: name, column, generated } of found.columns) {
      if (generated) continue
      const full = nameIn({ schema, name })
      const copied = this.#copied.get(full)
      if (copied === undefined) this.#copied.set(full, [column])
      else copied.push(column)
    }
    const { tables, unusable } = shardedTablesOf(placement, found)
    this.#tables = new ShardedTables(tables)
    this.unusable = unusable
  }

  #prepare(facts: StatementFacts): PreparedStatement {
    if (this.unusable.size > 0)
      for (const name of [...facts.tables, ...facts.mentions]) {
        const why = this.unusable.get(nameIn(name))
        if (why !== undefined) throw why
      }
    const missing =
      facts.tables.find((use) => this.table(use) !== null && !this.#known.has(nameIn(use))) ?? null
    const calls = judgeCalls(facts, this.catalogue)
    const whyNotScattered = this.#whyNotScattered(facts, calls)
    const positional =
      facts.inserts.find(({ table, columns }) => columns === null && this.table(table)?.kind === 'sharded') ??
      null
    const statement = {
      missing,
      prepared: prepareShards(facts, this.#tables, calls),
      whyNotScattered,
      positional,
    }
    this.#prepared.set(facts, statement)
    return statement
  }

  #whyNotScattered({ command }: StatementFacts, calls: Calls): string | null {
    if (command !== 'SELECT') return `it is ${command}`
    return calls === 'immutable'
      ? null
      : 'it calls what may say something else on another server or a moment later'
  }

  /** Of values that are compared here, or on one shard for all. */
  #whyNotCompared({ tables, types }: StatementFacts): string | null {
    const collated = tables.find((use) => this.#collated.has(nameIn(use)))
    if (collated !== undefined) return `${collated.name} has a column that sorts in a way of its own`
    const ownType = types.find(({ name }) => !this.#sortsAsUsual(name))
    return ownType === undefined ? null : `values of type ${ownType.name} may sort in a way of their own`
  }

  /** A domain may have a collation, and `name` has one. */
  #sortsAsUsual(type: string): boolean {
    return type !== 'name' && (this.catalogue.types.get(type) ?? []).every(({ builtin }) => builtin)
  }

  #readScatter(record: StatementRecord): ScatterRead | NotScattered {
    let read = this.#scatters.get(record)
    if (read === undefined) {
      const { functions, ofRows } = this.catalogue
      read = readScatter(record.text, (name) => functions.has(name) && !ofRows.has(name))
      const why = 'why' in read || !comparesValues(read) ? null : this.#whyNotCompared(record.facts)
      if (why !== null) read = { why }
      this.#scatters.set(record, read)
    }
    return read
  }

  /** Those that an INSERT means that names none. */
  #columnsOf({ table, rows }: InsertFacts): readonly string[] {
    const found = this.#tables.find(table)
    const columns = found === null || found === 'several' ? [] : found.columns
    return rows === null ? columns : columns.slice(0, rows[0]?.length)
  }

  /** Its rows are where the columns that are known say: they must be those columns there too (I8). */
  #named({ text, rows }: StatementRecord, insert: InsertFacts): string {
    const { table } = insert
    const columns = this.#columnsOf(insert)
    const named = insert.rows === null ? null : (rows?.named(columns) ?? nameColumns(text, columns))
    if (named !== null) return named
    throw new HerdError('NOT_SUPPORTED', `This INSERT into ${table.name} does not name its columns.`, {
      hint: `Name them: INSERT INTO ${table.name} (${columns.join(', ')}) …`,
    })
  }

  table({ schema, name }: QualifiedName): PlacedTable | null {
    return this.#placement.tables[nameIn({ schema, name })] ?? null
  }

  has(name: QualifiedName): boolean {
    return this.#relations.has(nameIn(name))
  }

  /**
   * `near`: groups that are preferred where several would do; `turn`: which of those it is else. Throws what
   * refuses it.
   */
  route(
    record: StatementRecord,
    values: readonly unknown[] = NO_VALUES,
    near: ReadonlySet<string>,
    turn: number,
  ): Route {
    const { facts, text } = record
    if (facts.kind === 'ddl' || facts.kind === 'maintenance' || ABOUT_TABLES.has(facts.command))
      return this.#routeChange(text, facts)
    const { map } = this.#placement
    const { missing, prepared, whyNotScattered, positional } =
      this.#prepared.get(facts) ?? this.#prepare(facts)
    if (missing !== null) throw new MissingTable(missing.name)
    const plan = planShards(prepared, this.#valuesOf(record, values), map)
    const shards = map.shards
    switch (plan.kind) {
      case 'home':
        return this.#toHome
      case 'one': {
        const shard = this.#toShard[plan.shard] as Extract<Route, { kind: 'group' }>
        return positional === null ? shard : { ...shard, text: this.#named(record, positional) }
      }
      case 'any':
        return {
          kind: 'group',
          group: shards.find((shard) => near.has(shard)) ?? (shards[turn % shards.length] as string),
        }
      case 'split':
        checkCount(record, values)
        return {
          kind: 'parts',
          parts: this.#split(record, positional, values, plan.parts),
        }
      case 'read all': {
        const why = whyNotScattered ?? whyTogether(plan)
        if (why !== null) return { kind: 'federation', why }
        const read = this.#readScatter(record)
        if ('why' in read) return { kind: 'federation', why: read.why }
        const groups = plan.shards.map((at) => shards[at] as string)
        return { kind: 'scatter', groups, read, rowText: this.#rowText }
      }
      case 'write all':
        return {
          kind: 'each',
          groups: plan.shards.map((at) => shards[at] as string),
          whole: plan.copies,
          apart: false,
        }
      case 'refused': {
        const refusal = new HerdError(plan.code, plan.message, { hint: plan.hint })
        throw plan.move === undefined ? refusal : new KeyChange(this.#moveRoute(plan.move, refusal))
      }
    }
  }

  #valuesOf(record: StatementRecord, values: readonly unknown[]): KeyValues {
    const given = this.#read(values)
    if (record.rows !== null) return new RowValues(record.rows, given)
    const { text, literals } = record
    return literals.length === 0 ? given : new LiteralValues(text, literals, given)
  }

  /**
   * How an INSERT of what a query gives is done that no group can do by itself; null where it is not proven to do
   * what one database does. `home`: by what judges the tables of the home group. Throws what refuses the query.
   */
  routeSelectInsert(
    { facts, text }: StatementRecord,
    values: readonly unknown[] = NO_VALUES,
    near: ReadonlySet<string>,
    turn: number,
    look: (text: string) => StatementRecord,
    home: Catalogue,
  ): SelectInsertRoute | null {
    const [insert, another] = facts.inserts
    const isOne = facts.command === 'INSERT' && facts.statements === 1 && insert?.rows === null
    if (!isOne || another !== undefined || !this.#doesTheSameLater(facts, home)) return null
    if (facts.blocks.some(({ command }) => command !== 'INSERT' && command !== 'SELECT')) return null
    const statement = readSelectInsert(text)
    const table = this.#tables.find(insert.table)
    if (statement === null || table === 'several') return null
    const target = this.#targetOf(insert, table)
    if (target === null) return null
    const given = statement.query.parameters.map((number) => values[number - 1])
    const read = this.route(look(statement.query.text), given, near, turn)
    if (read.kind === 'each' || read.kind === 'parts') return null
    if (read.kind === 'group' && read.text !== undefined) return null
    return {
      kind: 'select insert',
      statement,
      reads: read.kind === 'group' ? read.group : null,
      atOnce: insert.conflict === 'update',
      ...target,
    }
  }

  /** Nothing that it calls says something else a moment later, or on another server, or changes anything. */
  #doesTheSameLater(facts: StatementFacts, home: Catalogue): boolean {
    if (facts.serverWords.length > 0 || facts.functions.some(({ name }) => MOMENTARY.has(name))) return false
    const spread = facts.tables.filter((use) => this.table(use) !== null)
    const others = facts.tables.filter((use) => this.table(use) === null)
    const calls = [
      judgeCalls({ ...facts, tables: spread }, this.catalogue),
      judgeCalls({ ...facts, tables: others }, home),
    ]
    return calls.every((each) => each === 'immutable' || each === 'stable')
  }

  #targetOf(
    { columns }: InsertFacts,
    table: ShardedTable | null,
  ): Pick<SelectInsertRoute, 'columns' | 'owners' | 'copies' | 'any'> | null {
    const { home, map } = this.#placement
    if (table === null) return { columns: null, owners: ownedByAll([home]), copies: false, any: home }
    const [any] = map.shards as [string]
    const all = columns ?? table.columns
    const shared = { columns: columns === null ? table.columns : null, any }
    if (table.kind === 'reference') {
      if (table.varying.some((column) => columns === null || !columns.includes(column))) return null
      return { ...shared, owners: ownedByAll(map.shards), copies: true }
    }
    const key = table.key.map(({ column, type }) => ({ column, type, place: all.indexOf(column) }))
    if (key.some(({ place }) => place < 0)) return null
    return { ...shared, owners: ownedByKey(table.name, key, map), copies: false }
  }

  #moveRoute({ table, shards }: Move, refusal: HerdError): MoveRoute {
    const { map, tables } = this.#placement
    const types = table.key.map(({ type }) => type)
    return {
      kind: 'move',
      groups: shards.map((at) => map.shards[at] as string),
      table,
      key: table.key.map(({ column }) => column),
      columns: this.#copied.get(nameIn(table)) ?? [],
      references: Object.keys(tables).filter((name) => tables[name]?.kind === 'reference'),
      ownerOf: (key) => {
        const [first] = key
        const at =
          key.length === 1 ? locateKey(map, types[0] as KeyType, first as string) : locateRow(map, types, key)
        return map.shards[at] as string
      },
      refusal,
    }
  }

  /**
   * Where a COPY between a client and the herd goes. `look` knows the statement that a query to be copied is.
   * Throws what refuses it.
   */
  routeCopy(
    { facts, text }: StatementRecord,
    near: ReadonlySet<string>,
    turn: number,
    look: (text: string) => StatementRecord,
  ): CopyRoute {
    const { missing, prepared } = this.#prepared.get(facts) ?? this.#prepare(facts)
    if (missing !== null) throw new MissingTable(missing.name)
    const plan = prepared.kind === 'fixed' ? prepared.plan : null
    if (plan?.kind === 'home') return { kind: 'group', group: this.#placement.home }
    const copy = readCopy(text)
    if (copy === null) throw refusalOfCopy(plan)
    if (copy.kind === 'query') {
      const route = this.route(look(copy.query), NO_VALUES, near, turn)
      if (route.kind === 'group' && route.text === undefined) return { kind: 'group', group: route.group }
      if (route.kind === 'scatter' || route.kind === 'federation') return { kind: 'federation', text }
      throw refusalOfCopy(plan)
    }
    const table = this.#tables.find(copy.table)
    if (table === null || table === 'several') throw refusalOfCopy(plan)
    const columns = copy.columns ?? this.#copied.get(nameIn(table)) ?? []
    const { shards } = this.#placement.map
    if (copy.kind === 'in') return this.#routeCopyIn(copy, text, facts, table, columns)
    if (table.kind === 'reference') {
      const group = shards.find((shard) => near.has(shard)) ?? (shards[turn % shards.length] as string)
      return { kind: 'group', group }
    }
    const asQuery = copy.asQuery(columns)
    if (asQuery === null) throw refusalOfCopy(plan)
    return { kind: 'federation', text: asQuery }
  }

  #routeCopyIn(
    copy: CopyIn,
    given: string,
    facts: StatementFacts,
    table: ShardedTable,
    columns: readonly string[],
  ): CopyRoute {
    const { map } = this.#placement
    const calls = judgeCalls(facts, this.catalogue)
    const why = whyNotCopied(copy, table, columns, calls)
    if (why !== null)
      throw new HerdError('NOT_SUPPORTED', `This COPY into ${table.name} is not possible: ${why}.`, {
        hint: 'Use INSERT, or a COPY without it.',
      })
    // The data is of the columns that are known: they must be those columns there too (I8).
    const text = copy.columns === null ? copy.withColumns(columns) : given
    const shared = { text, groups: map.shards, quiet: calls !== 'unknown' }
    if (table.kind === 'reference') return { kind: 'copies', ...shared }
    const key = table.key.map(({ column, type }) => ({ column, type, place: columns.indexOf(column) }))
    const unplaced = key.find(({ place }) => place < 0)
    if (unplaced !== undefined)
      throw new HerdError(
        'SHARD_KEY_MISSING',
        `The rows for ${table.name} do not say their shard key ${unplaced.column}, so it is not known where they belong.`,
        { hint: `Copy ${unplaced.column} as well.` },
      )
    const { format } = copy
    return {
      kind: 'split',
      ...shared,
      splitter: (first, headroom) =>
        new CopySplitter({
          ...{ table: table.name, format, columns: columns.length, key, map },
          ...{ first: map.shards.indexOf(first), headroom },
        }),
    }
  }

  #routeChange(text: string, facts: StatementFacts): Route {
    const { home, map } = this.#placement
    const change = readSchemaChange(text)
    if (change === null) {
      if (facts.statements > 1)
        throw new HerdError('NOT_SUPPORTED', 'Changes of the schema go to a sharded herd one by one.', {
          hint: 'Send each statement by itself.',
        })
      return { kind: 'group', group: home }
    }
    const { where, apart } = planSchemaChange(change, this)
    if (where === 'home') return { kind: 'group', group: home }
    const groups = where === 'shards' ? map.shards : [home, ...map.shards.filter((shard) => shard !== home)]
    return { kind: 'each', groups, whole: true, apart }
  }

  #takeApart(record: StatementRecord, positional: InsertFacts | null): InsertRows {
    const { text, rows } = record
    const names = positional === null ? null : this.#columnsOf(positional)
    if (rows !== null) return { count: rows.count, with: (wanted) => rows.with(wanted, names) }
    const insert = splitInsert(positional === null ? text : this.#named(record, positional))
    if (insert !== null) return insert
    throw new HerdError(
      'NOT_SUPPORTED',
      'The rows of this INSERT belong to several shards, and cannot be told apart.',
      {
        hint: 'Insert them one by one.',
      },
    )
  }

  #split(
    record: StatementRecord,
    positional: InsertFacts | null,
    values: readonly unknown[],
    parts: readonly { readonly shard: number; readonly rows: readonly number[] }[],
  ): StatementPart[] {
    let insert = this.#splits.get(record)
    if (insert === undefined) {
      insert = this.#takeApart(record, positional)
      this.#splits.set(record, insert)
    }
    return parts.map(({ shard, rows }) => {
      const { text: part, parameters } = insert.with(rows)
      const group = this.#placement.map.shards[shard] as string
      return { group, text: part, values: parameters.map((number) => values[number - 1]), rows }
    })
  }
}
