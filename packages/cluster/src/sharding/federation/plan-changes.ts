import pg from 'pg'
import { type Column, nameOf, type OwnType } from './description.js'
import {
  describeLayout,
  type FederatedTable,
  type Federation,
  LAYOUT_MARK,
  type Options,
  partitionKeyOf,
} from './federation.js'
import { partitionName } from './partition-name.js'
import type { ExistingFederation, ExistingTable } from './read-federation.js'

const { escapeIdentifier: quote, escapeLiteral: literal } = pg

/**
 * The statements that turn the federation that is there into the one that should be, none if it is that
 * already. They belong into one transaction, in which readers see either the old one or the new.
 *
 * A table or type that differs in anything is dropped and made anew. There are no rows in it, so this
 * costs no more than altering it, and cannot end in something in between, such as columns in another order.
 */
export function planChanges(there: ExistingFederation, wanted: Federation, database: string): string[] {
  if (there.operators !== null && there.operators !== wanted.operators.digest)
    return [...dropAll(there), ...planChanges(emptied(there), wanted, database)]
  const types = changedTypes(there, wanted)
  const { stale, missing } = changedTables(there, wanted, types)
  return [
    ...layFoundation(there, wanted),
    ...changeSettings(there, wanted, database),
    ...changeReaders(there, wanted, database),
    ...closeTables(there, wanted),
    ...stale.map(dropTable),
    ...types.stale.map(dropType),
    ...changeServers(there, wanted),
    ...changeLogins(there, wanted),
    ...dropServers(there, wanted),
    ...createSchemas(missing, types.missing, wanted),
    ...createExtensions(there, wanted),
    ...types.missing.map(createType),
    ...missing.flatMap(createTable),
    ...changeStretches(there, wanted),
  ]
}

function emptied(there: ExistingFederation): ExistingFederation {
  return { ...there, operators: null, stretches: null, tables: [], types: [] }
}

function dropAll({ tables, types }: ExistingFederation): string[] {
  return [...tables.map(dropTable), ...types.toReversed().map(dropType), 'drop schema pgherd cascade']
}

function layFoundation(there: ExistingFederation, { operators }: Federation): string[] {
  if (there.operators !== null) return []
  return [
    'create extension if not exists postgres_fdw with schema public',
    'create schema pgherd',
    'grant usage on schema pgherd to public',
    ...operators.statements,
    `comment on schema pgherd is ${literal(operators.digest)}`,
  ]
}

/**
 * Where sessions on the shards are to begin under another epoch, no statement may be under way that was
 * planned under the one before: it would log in as one of the new epoch and look in the old places. Every
 * statement has a lock on its tables from before it is planned until its end.
 */
function closeTables(there: ExistingFederation, { servers }: Federation): string[] {
  const isOther = [...servers].some(([name, { options }]) => {
    const existing = there.servers.get(name)
    return existing !== undefined && existing.options !== options
  })
  return isOther ? there.tables.map(closeTable) : []
}

/** LOCK TABLE takes no foreign table, but the partitions of a table that it takes. */
function closeTable(table: ExistingTable): string {
  return isPartitioned(table)
    ? `lock table ${path(table)} in access exclusive mode`
    : `alter foreign table ${path(table)} options (set table_name ${literal(table.name)})`
}

/** Plans pruned by the old map are dropped everywhere with the tables they are about. */
function changeStretches(there: ExistingFederation, { stretches, tables }: Federation): string[] {
  if (there.stretches === stretches.digest) return []
  return [
    stretches.statement,
    `comment on table pgherd.stretches is ${literal(stretches.digest)}`,
    ...tables.filter(({ layout }) => layout.kind === 'hash').map(forgetPlans),
  ]
}

/** Whatever touches a table's row in pg_class, sessions drop the plans that they keep of it. */
function forgetPlans(table: FederatedTable): string {
  return `grant select on ${path(table)} to public`
}

function changeSettings(there: ExistingFederation, wanted: Federation, database: string): string[] {
  const { changed, gone } = compareOptions(there.settings, wanted.settings)
  const alter = `alter database ${quote(database)}`
  return [
    ...gone.map((name) => `${alter} reset ${quote(name)}`),
    ...changed.map(([name, value]) => `${alter} set ${quote(name)} to ${settingValue(name, value)}`),
  ]
}

/** These are lists of names, of which one quoted text would be a single name (guc.c, `GUC_LIST_QUOTE`). */
const QUOTED_LISTS = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'local_preload_libraries',
])

function settingValue(name: string, value: string): string {
  if (!QUOTED_LISTS.has(name.toLowerCase())) return literal(value)
  return value === '' || value === '""' ? `''` : value
}

/** Rows are guarded where they are: without a login on the shards a role sees nothing here. */
function changeReaders(there: ExistingFederation, { readers }: Federation, database: string): string[] {
  const gone = there.readers.filter((role) => !readers.includes(role))
  const fresh = readers.filter((role) => role !== 'postgres' && !there.readers.includes(role))
  const name = quote(database)
  return [
    ...gone.map((role) => `revoke all on database ${name} from ${role === 'public' ? role : quote(role)}`),
    ...fresh.map((role) => `grant connect on database ${name} to ${quote(role)}`),
  ]
}

function changeServers(there: ExistingFederation, { servers }: Federation): string[] {
  return [...servers].flatMap(([name, options]) => {
    const existing = there.servers.get(name)
    if (existing !== undefined) return alterOptions(`alter server ${quote(name)}`, existing, options)
    return [`create server ${quote(name)} foreign data wrapper postgres_fdw ${writeOptions(options)}`]
  })
}

function dropServers(there: ExistingFederation, { servers }: Federation): string[] {
  return [...there.servers.keys()]
    .filter((name) => !servers.has(name))
    .map((name) => `drop server ${quote(name)}`)
}

function changeLogins(there: ExistingFederation, wanted: Federation): string[] {
  const same = (a: { role: string; server: string }) => (b: { role: string; server: string }) =>
    a.role === b.role && a.server === b.server
  const whose = ({ role, server }: { role: string; server: string }) =>
    `user mapping for ${role === 'public' ? role : quote(role)} server ${quote(server)}`
  const gone = there.logins.filter((login) => !wanted.logins.some(same(login)))
  return [
    ...gone.map((login) => `drop ${whose(login)}`),
    ...wanted.logins.flatMap((login) => {
      const existing = there.logins.find(same(login))
      if (existing !== undefined)
        return alterOptions(`alter ${whose(login)}`, existing.options, login.options)
      return [`create ${whose(login)} ${writeOptions(login.options)}`]
    }),
  ]
}

function compareOptions(there: Options, wanted: Options): { changed: [string, string][]; gone: string[] } {
  return {
    changed: Object.entries(wanted).filter(([name, value]) => there[name] !== value),
    gone: Object.keys(there).filter((name) => wanted[name] === undefined),
  }
}

function alterOptions(alter: string, there: Options, wanted: Options): string[] {
  const { changed, gone } = compareOptions(there, wanted)
  const parts = [
    ...changed.map(
      ([name, value]) => `${there[name] === undefined ? 'add' : 'set'} ${quote(name)} ${literal(value)}`,
    ),
    ...gone.map((name) => `drop ${quote(name)}`),
  ]
  return parts.length === 0 ? [] : [`${alter} options (${parts.join(', ')})`]
}

function writeOptions(options: Options): string {
  return `options (${Object.entries(options)
    .map(([name, value]) => `${quote(name)} ${literal(value)}`)
    .join(', ')})`
}

interface TypeChanges {
  /** Those that need others first. */
  readonly stale: readonly OwnType[]
  readonly missing: readonly OwnType[]
}

/** A type is made anew with all that are made of it. */
function changedTypes(there: ExistingFederation, wanted: Federation): TypeChanges {
  const existing = new Map(there.types.map((type) => [nameOf(type), JSON.stringify(type)]))
  const kept = new Set<string>()
  // In this order a type comes after those it needs, so what these became is known.
  const missing = wanted.types.filter((type) => {
    const needs = wanted.types.filter((other) => other !== type && mentions(type, other))
    const keep =
      existing.get(nameOf(type)) === JSON.stringify(type) && needs.every((other) => kept.has(nameOf(other)))
    if (keep) kept.add(nameOf(type))
    return !keep
  })
  return { stale: there.types.filter((type) => !kept.has(nameOf(type))).toReversed(), missing }
}

function mentions(type: OwnType, other: OwnType): boolean {
  if (type.kind === 'enum') return false
  const types = type.kind === 'domain' ? [type.base] : type.attributes.map((attribute) => attribute.type)
  return types.some((text) => isOf(text, other))
}

/** Whether a type as SQL writes it is this one or an array of it. */
function isOf(type: string, { schema, name }: OwnType): boolean {
  const bare = type.replace(/(\[\])+$/, '')
  const maybe = (word: string) => [word, quote(word)]
  return maybe(schema).some((first) => maybe(name).some((second) => bare === `${first}.${second}`))
}

function changedTables(
  there: ExistingFederation,
  wanted: Federation,
  types: TypeChanges,
): { stale: ExistingTable[]; missing: FederatedTable[] } {
  const uses = (table: ExistingTable) =>
    table.types.some((type) => types.stale.some((stale) => nameOf(stale) === nameOf(type)))
  const wantedShapes = new Map(
    wanted.tables.map((table) => [nameOf(table), shapeOf(table.columns, describeLayout(table.layout))]),
  )
  const kept = there.tables.filter(
    (table) => !uses(table) && wantedShapes.get(nameOf(table)) === shapeOf(table.columns, table.layout),
  )
  const keptNames = new Set(kept.map(nameOf))
  return {
    stale: there.tables.filter((table) => !keptNames.has(nameOf(table))),
    missing: wanted.tables.filter((table) => !keptNames.has(nameOf(table))),
  }
}

function shapeOf(columns: readonly Column[], layout: string): string {
  return JSON.stringify([columns, layout])
}

/** Fails where a person made a view on it here: that is theirs to drop. */
function dropTable(table: ExistingTable): string {
  return `drop ${isPartitioned(table) ? 'table' : 'foreign table'} ${path(table)}`
}

function isPartitioned({ layout }: ExistingTable): boolean {
  return layout.startsWith(`${LAYOUT_MARK}sharded`)
}

function dropType(type: OwnType): string {
  return `drop ${type.kind === 'domain' ? 'domain' : 'type'} ${path(type)}`
}

function createSchemas(
  tables: readonly FederatedTable[],
  types: readonly OwnType[],
  { extensions }: Federation,
): string[] {
  const fresh = tables.length + types.length > 0
  const schemas = new Set([...tables, ...types, ...(fresh ? extensions : [])].map(({ schema }) => schema))
  return [...schemas].flatMap((schema) => [
    `create schema if not exists ${quote(schema)}`,
    `revoke create on schema ${quote(schema)} from public`,
    `grant usage on schema ${quote(schema)} to public`,
  ])
}

function createExtensions(there: ExistingFederation, { extensions }: Federation): string[] {
  return extensions
    .filter(({ name }) => !there.extensions.some((existing) => existing.name === name))
    .map(({ schema, name }) => `create extension ${quote(name)} with schema ${quote(schema)}`)
}

function createType(type: OwnType): string {
  if (type.kind === 'enum')
    return `create type ${path(type)} as enum (${type.labels.map((label) => literal(label)).join(', ')})`
  if (type.kind === 'domain') return `create domain ${path(type)} as ${type.base}${collate(type.collation)}`
  return `create type ${path(type)} as (${writeColumns(type.attributes)})`
}

function createTable(table: FederatedTable): string[] {
  const { layout, columns } = table
  const remote = `options (schema_name ${literal(table.schema)}, table_name ${literal(table.name)})`
  const after = [
    `grant select on ${path(table)} to public`,
    `comment on ${layout.kind === 'foreign' ? 'foreign table' : 'table'} ${path(table)} is ${literal(describeLayout(layout))}`,
  ]
  if (layout.kind === 'foreign')
    return [
      `create foreign table ${path(table)} (${writeColumns(columns)}) server ${quote(layout.server)} ${remote}`,
      ...after,
    ]
  const { servers } = layout
  const bounds = (index: number) =>
    layout.kind === 'hash' ? `with (modulus ${servers.length}, remainder ${index})` : `in (${index})`
  return [
    `create table ${path(table)} (${writeColumns(columns)}) partition by ${partitionKeyOf(layout, quote)}`,
    ...servers.map(
      (server, index) =>
        `create foreign table pgherd.${quote(partitionName(table, server))} partition of ${path(table)}
         for values ${bounds(index)} server ${quote(server)} ${remote}`,
    ),
    ...after,
  ]
}

function writeColumns(columns: readonly Column[]): string {
  return columns.map(({ name, type, collation }) => `${quote(name)} ${type}${collate(collation)}`).join(', ')
}

function collate(collation: string | null): string {
  return collation === null ? '' : ` collate ${collation}`
}

function path({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${quote(schema)}.${quote(name)}`
}
