import { HerdError } from '@pgherd/core'
import {
  type Halves,
  hashRow,
  KEY_TYPES,
  KeyReader,
  type KeyType,
  locateKey,
  locateRow,
  type PlacedTable,
  type Placement,
  type Position,
  positionOf,
  type ShardMap,
  toBigInt,
} from '@pgherd/core/sharding'
import { type PlacedHerd, quoteTable, withSchema } from './placed-herd.js'

/** Where the rows of a key are. */
export type FoundKey =
  | { readonly kind: 'reference'; readonly table: string; readonly shards: readonly string[] }
  | {
      readonly kind: 'sharded'
      readonly table: string
      readonly columns: readonly string[]
      readonly types: readonly KeyType[]
      readonly shard: string
      readonly position: Position
    }

/** Throws USAGE, SHARD_KEY_INVALID, HERD_NOT_RUNNING, SQL_FAILED. */
export async function findKey(herd: PlacedHerd, name: string, values: readonly string[]): Promise<FoundKey> {
  const { map } = herd.placement
  const table = withSchema(name)
  const placed = placedTable(herd.placement, table)
  if (placed.kind === 'reference') return { kind: 'reference', table, shards: map.shards }
  refuseWrongCount(table, placed, values)
  const types = await keyTypesOf(herd, table, placed)
  return { kind: 'sharded', table, columns: placed.key, types, ...locate(map, types, values) }
}

function placedTable({ tables, home, map }: Placement, table: string): PlacedTable {
  const found = tables[table]
  if (found !== undefined) return found
  const names = Object.keys(tables).sort()
  throw new HerdError('USAGE', `${table} is not placed by a key: it is in the home group, ${home}.`, {
    hint:
      names.length === 0
        ? `No table is spread over ${map.shards.join(', ')}; "sharding.tables" in a spec names those that are.`
        : `The tables that are: ${names.join(', ')}.`,
  })
}

function refuseWrongCount(table: string, { key }: PlacedTable, values: readonly string[]): void {
  if (values.length === key.length) return
  const columns = key.length === 1 ? 'one column' : `${key.length} columns`
  throw new HerdError(
    'USAGE',
    `${table} is placed by ${columns} (${key.join(', ')}), and ${values.length} ${values.length === 1 ? 'value was' : 'values were'} given.`,
  )
}

/** Of a domain, the type it is over. */
const TYPES = `
select attname as column, coalesce(base.typname, own.typname) as type
from pg_attribute join pg_type own on own.oid = atttypid
  left join pg_type base on own.typtype = 'd' and base.oid = own.typbasetype
where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`

/** The types of the columns of a key. Throws USAGE, SHARD_KEY_INVALID. */
export async function keyTypesOf(
  { ask, placement }: PlacedHerd,
  table: string,
  { key }: PlacedTable,
): Promise<KeyType[]> {
  const shard = placement.map.shards[0] as string
  const columns = await ask<{ column: string; type: string }>(shard, TYPES, [quoteTable(table)])
  if (columns.length === 0)
    throw new HerdError(
      'USAGE',
      `The shard ${shard} has no table ${table} yet, so the type of its key is not known.`,
    )
  return key.map((column) => {
    const type = columns.find((each) => each.column === column)?.type
    if (type === undefined)
      throw new HerdError('USAGE', `${table} has no column "${column}", by which the spec places it.`)
    if (!isKeyType(type))
      throw new HerdError(
        'SHARD_KEY_INVALID',
        `${table}.${column} is of type ${type}, which cannot be a shard key; ${KEY_TYPES.join(', ')} can.`,
      )
    return type
  })
}

function isKeyType(type: string): type is KeyType {
  return KEY_TYPES.some((each) => each === type)
}

function locate(
  map: ShardMap,
  types: readonly KeyType[],
  values: readonly string[],
): { shard: string; position: Position } {
  const [type, value] = [types[0] as KeyType, values[0] as string]
  if (types.length === 1)
    return {
      shard: map.shards[locateKey(map, type, value)] as string,
      position: positionOf(map.line, type, value),
    }
  const shard = map.shards[locateRow(map, types, values)] as string
  return { shard, position: positionOfRow(map, types, values) }
}

function positionOfRow({ line }: ShardMap, types: readonly KeyType[], values: readonly string[]): Position {
  const hash: Halves = { high: 0, low: 0 }
  hashRow(types, values, new KeyReader(), hash)
  return line.kind === 'remainder' ? BigInt((hash.high >>> 0) % line.modulus) : toBigInt(hash)
}
