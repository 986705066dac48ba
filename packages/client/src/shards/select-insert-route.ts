import { HerdError } from '@pgherd/core'
import { readKeyText } from '@pgherd/core/routing'
import {
  familyOf,
  type KeyFamily,
  KeyReader,
  type KeyType,
  locateRead,
  locateRow,
  type ShardMap,
} from '@pgherd/core/sharding'
import { type SelectInsert, VALUE_PARAMETERS } from '@pgherd/core/sql'
import { keyIsNull, notSupported } from './herd-answers.js'

/** An INSERT of what a query gives that others have: it is read first, a part at a time, and then inserted. */
export interface SelectInsertRoute {
  readonly kind: 'select insert'
  readonly statement: SelectInsert
  /** Of the table, where the statement names none. */
  readonly columns: readonly string[] | null
  /** The group that has all that is read; null: it takes who puts together what several have. */
  readonly reads: string | null
  /** Which groups get a row, given its values as text. */
  readonly owners: RowOwners
  /** All rows come to each of several groups. */
  readonly copies: boolean
  /** A group that has the table. */
  readonly any: string
  /** It changes rows that are there already: of two that conflict with one another PostgreSQL takes none. */
  readonly atOnce: boolean
}

/** What its rows are read by, so many at a time. */
export const CURSOR = 'pgherd_rows'
export const FETCHED_ROWS = 1000
/** That a statement may have. */
const MOST_PARAMETERS = 60_000
/** Names of types, given their numbers. */
export const TYPE_NAMES =
  'select format_type(t.oid, -1) from unnest($1::oid[]) with ordinality as t (oid, place) order by place'

/** By number, the types whose text is that of a key. */
const KEY_OIDS: Readonly<Record<KeyFamily, readonly number[]>> = {
  integer: [20, 21, 23],
  text: [25, 1043],
  uuid: [2950],
}
const TEXT_OID = 25

export interface RowOwners {
  /** Looks at the types of what is read. Throws what refuses it. */
  check(types: readonly number[], untyped: readonly boolean[]): void
  of(row: readonly (string | null)[]): readonly string[]
}

/** Each row goes to the same groups. */
export function ownedByAll(groups: readonly string[]): RowOwners {
  return { check: () => {}, of: () => groups }
}

/** Each row goes where its key says. */
export function ownedByKey(
  table: string,
  key: readonly { readonly column: string; readonly type: KeyType; readonly place: number }[],
  map: ShardMap,
): RowOwners {
  const reader = new KeyReader()
  const places = map.shards.map((shard) => [shard])
  return {
    check: (types, untyped) => {
      for (const { column, type, place } of key) {
        const given = types[place]
        if (given === undefined)
          throw new HerdError(
            'SHARD_KEY_MISSING',
            `The query gives no value for ${column}, the shard key of ${table}.`,
          )
        if (KEY_OIDS[familyOf(type)].includes(given) || (untyped[place] === true && given === TEXT_OID))
          continue
        throw new HerdError(
          'SHARDS_NOT_PROVEN',
          `What the query gives for ${column}, the shard key of ${table}, is of another type.`,
          { hint: `Cast it to ${type} in the query.` },
        )
      }
    },
    of: (row) => {
      const values = key.map(({ column, type, place }) => {
        const value = row[place] ?? null
        if (value === null) throw keyIsNull(table, column)
        if (readKeyText(value, type, reader) !== 'value')
          throw new HerdError(
            'SHARD_KEY_INVALID',
            `A shard key ${column} of ${table} cannot be ${JSON.stringify(value)}.`,
          )
        return value
      })
      const types = key.map(({ type }) => type)
      const at = values.length === 1 ? locateRead(map, reader) : locateRow(map, types, values)
      return places[at] as string[]
    },
  }
}

/** What each value is cast to: nothing where it takes the type of its column. */
export function castsOf(
  { untyped }: SelectInsert,
  types: readonly number[],
  names: readonly string[],
): (string | null)[] {
  return names.map((name, at) => (untyped[at] === true && types[at] === TEXT_OID ? null : name))
}

/** The values of an INSERT's parameters. */
export function valuesOf(
  parameters: readonly number[],
  rows: readonly (readonly (string | null)[])[],
  given: readonly unknown[],
): unknown[] {
  const width = rows[0]?.length ?? 1
  return parameters.map((number) => {
    if (number < VALUE_PARAMETERS) return given[number - 1]
    const at = number - VALUE_PARAMETERS
    return rows[Math.floor(at / width)]?.[at % width]
  })
}

/** Which rows come to which group. */
export function partRows(
  rows: readonly (readonly (string | null)[])[],
  owners: RowOwners,
): { group: string; rows: number[] }[] {
  const parts = new Map<string, number[]>()
  for (const [at, row] of rows.entries())
    for (const group of owners.of(row)) {
      const own = parts.get(group)
      if (own === undefined) parts.set(group, [at])
      else own.push(at)
    }
  return [...parts].map(([group, own]) => ({ group, rows: own }))
}

/**
 * Rows that were read, as many at a time as one INSERT takes. `isLast`: there are no more. Throws where they must
 * be one INSERT, and cannot.
 */
export function insertsOf<Row>(
  { atOnce }: SelectInsertRoute,
  rows: readonly Row[],
  width: number,
  isLast: boolean,
): Row[][] {
  if (atOnce && (!isLast || rows.length * width > MOST_PARAMETERS))
    throw notSupported(
      'The query gives too many rows to be inserted at once, as ON CONFLICT DO UPDATE needs them to be.',
      `Insert fewer than ${FETCHED_ROWS} rows at a time.`,
    )
  const most = Math.max(1, Math.floor(MOST_PARAMETERS / width))
  const inserts: Row[][] = []
  for (let from = 0; from < rows.length; from += most) inserts.push(rows.slice(from, from + most))
  return inserts
}
