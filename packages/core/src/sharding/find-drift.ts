import type { PlacedTable } from './placement.js'

export type PartKind =
  | 'table'
  | 'column'
  | 'constraint'
  | 'index'
  | 'trigger'
  | 'policy'
  | 'rights'
  | 'sequence'
  | 'function'
  | 'type'
  | 'extension'

/** One thing of a schema, as one group has it. */
export interface SchemaPart {
  readonly kind: PartKind
  /** With its schema in front where it has one of its own. */
  readonly name: string
  /** The table that it belongs to, with its schema in front; null: none. */
  readonly table: string | null
  /** The same text wherever it is the same. */
  readonly definition: string
}

/** What one group has of a reference table. */
export interface TableContents {
  readonly table: string
  readonly rows: number
  /** The same for the same rows, in whatever order they are. */
  readonly digest: string
}

/** Rows of a sharded table on a shard that does not own them. */
export interface MisplacedRows {
  readonly table: string
  readonly rows: number
  /** Some of them: the key, and who owns it; null: a key with a NULL, which nobody owns. */
  readonly samples: readonly { readonly key: string; readonly owner: string | null }[]
}

export interface ObservedGroup {
  readonly name: string
  /** A text that is the same in all groups that have the same placement. */
  readonly placement: string
  readonly parts: readonly SchemaPart[]
  readonly invalidIndexes: readonly { readonly table: string; readonly index: string }[]
  /** Empty where they were not read. */
  readonly contents: readonly TableContents[]
  readonly misplaced: readonly MisplacedRows[]
}

/** A herd as it was found. */
export interface ObservedHerd {
  readonly home: string
  readonly shards: readonly string[]
  /** Which tables are spread, by name with the schema in front. */
  readonly tables: Readonly<Record<string, PlacedTable>>
  /** All shards, and home. */
  readonly groups: readonly ObservedGroup[]
  /** The columns that the federation has, and those that it should have. */
  readonly federation: { readonly there: readonly SchemaPart[]; readonly wanted: readonly SchemaPart[] }
}

/** The places that have a part alike. */
export interface Version {
  /** Null: they do not have it. */
  readonly definition: string | null
  readonly places: readonly string[]
}

/** One thing in which a herd's groups are not what they should be. */
export type Drift =
  | {
      readonly kind: 'schema'
      readonly part: Omit<SchemaPart, 'definition'>
      readonly versions: readonly Version[]
    }
  | {
      readonly kind: 'invalid-index'
      readonly table: string
      readonly index: string
      readonly places: readonly string[]
    }
  | { readonly kind: 'stray-table'; readonly table: string; readonly places: readonly string[] }
  | { readonly kind: 'contents'; readonly table: string; readonly versions: readonly ContentsVersion[] }
  | ({ readonly kind: 'misplaced'; readonly shard: string } & MisplacedRows)
  | { readonly kind: 'placement'; readonly versions: readonly Version[] }

export interface ContentsVersion {
  readonly rows: number
  readonly digest: string
  readonly places: readonly string[]
}

const FEDERATION = 'the federation'
const SHARDS = 'the shards'
/** What the client makes on every group, not on shards alone. */
const EVERYWHERE: ReadonlySet<PartKind> = new Set(['function', 'type', 'extension'])

/** Says in what a herd's groups are not alike that should be, and which rows are where they do not belong. */
export function findDrift(herd: ObservedHerd): Drift[] {
  const shards = herd.groups.filter(({ name }) => herd.shards.includes(name))
  const isSpread = ({ table }: SchemaPart): boolean => table !== null && herd.tables[table] !== undefined
  const isGeneral = ({ kind }: SchemaPart): boolean => EVERYWHERE.has(kind)
  const ofTables = new Map(shards.map(({ name, parts }) => [name, parts.filter(isSpread)]))
  const general = new Map(herd.groups.map(({ name, parts }) => [name, parts.filter(isGeneral)]))
  const federated = new Map([
    [SHARDS, herd.federation.wanted],
    [FEDERATION, herd.federation.there],
  ])
  return [
    ...comparePlacements(herd.groups),
    ...compareParts(general),
    ...compareParts(ofTables),
    ...findInvalidIndexes(herd),
    ...findStrayTables(herd),
    ...compareParts(federated),
    ...compareContents(shards),
    ...shards.flatMap(({ name, misplaced }) =>
      misplaced.map((rows) => ({ kind: 'misplaced', shard: name, ...rows }) as const),
    ),
  ]
}

function comparePlacements(groups: readonly ObservedGroup[]): Drift[] {
  const versions = versionsOf(groups.map(({ name, placement }) => [name, placement]))
  return versions.length > 1 ? [{ kind: 'placement', versions }] : []
}

/** Of a table that a place does not have, nothing else is missed there. */
function compareParts(places: ReadonlyMap<string, readonly SchemaPart[]>): Drift[] {
  const found = [...places].map(([place, parts]) => ({
    place,
    definitions: new Map(parts.map((part) => [keyOf(part), part.definition])),
    tables: new Set(parts.filter(({ kind }) => kind === 'table').map(({ table }) => table)),
  }))
  const all = new Map([...places.values()].flat().map((part) => [keyOf(part), part]))
  return [...all].flatMap(([key, { kind, name, table }]) => {
    const having = found.filter(({ tables }) => kind === 'table' || table === null || tables.has(table))
    const versions = versionsOf(having.map(({ place, definitions }) => [place, definitions.get(key) ?? null]))
    return versions.length > 1 ? [{ kind: 'schema', part: { kind, name, table }, versions } as const] : []
  })
}

function keyOf({ kind, name, table }: SchemaPart): string {
  return JSON.stringify([table, kind, name])
}

/** What most have first. */
function versionsOf(found: readonly (readonly [place: string, definition: string | null])[]): Version[] {
  const versions = new Map<string | null, string[]>()
  for (const [place, definition] of found)
    versions.set(definition, [...(versions.get(definition) ?? []), place])
  return [...versions]
    .map(([definition, places]) => ({ definition, places }))
    .sort((one, other) => other.places.length - one.places.length)
}

function findInvalidIndexes({ groups }: ObservedHerd): Drift[] {
  const places = new Map<string, string[]>()
  for (const { name, invalidIndexes } of groups)
    for (const { table, index } of invalidIndexes) {
      const key = JSON.stringify([table, index])
      places.set(key, [...(places.get(key) ?? []), name])
    }
  return [...places].map(([key, places]) => {
    const [table, index] = JSON.parse(key) as [string, string]
    return { kind: 'invalid-index', table, index, places }
  })
}

/** On a shard that is not home, a table that is not spread is seen by nobody. */
function findStrayTables({ groups, home, tables }: ObservedHerd): Drift[] {
  const places = new Map<string, string[]>()
  for (const { name, parts } of groups)
    for (const { kind, name: table } of parts)
      if (kind === 'table' && name !== home && tables[table] === undefined)
        places.set(table, [...(places.get(table) ?? []), name])
  return [...places].map(([table, places]) => ({ kind: 'stray-table', table, places }))
}

function compareContents(shards: readonly ObservedGroup[]): Drift[] {
  const tables = new Set(shards.flatMap(({ contents }) => contents.map(({ table }) => table)))
  return [...tables].flatMap((table) => {
    const versions = new Map<string, ContentsVersion>()
    for (const { name, contents } of shards) {
      const found = contents.find((each) => each.table === table)
      if (found === undefined) continue
      const { rows, digest } = found
      const key = `${rows} ${digest}`
      versions.set(key, { rows, digest, places: [...(versions.get(key)?.places ?? []), name] })
    }
    return versions.size > 1 ? [{ kind: 'contents', table, versions: [...versions.values()] } as const] : []
  })
}
