import {
  KEY_TYPES,
  type KeyType,
  locateRow,
  type MisplacedRows,
  type ShardMap,
  stretchesOf,
} from '@pgherd/core/sharding'
import pg from 'pg'
import { positionSql, startType } from '../federation/shard-operators.js'
import { quoteTable } from './read-contents.js'

const { escapeIdentifier: quote } = pg
const MOST_SAMPLES = 5
const KEYS_AT_ONCE = 10_000

/**
 * Reads a sharded table on one shard for rows whose key belongs to another, or to nobody, as one with a NULL
 * does. Null: there are none, or no such table.
 *
 * A key of one column is placed by the server itself, which finds its stretch by `width_bucket`; of several
 * columns SQL has no hash, so that the keys are read and placed here.
 */
export async function findMisplaced(
  client: pg.ClientBase,
  map: ShardMap,
  shard: string,
  table: string,
  key: readonly string[],
): Promise<MisplacedRows | null> {
  const types = await readTypes(client, table, key)
  if (types === null) return null
  const found =
    types.length === 1
      ? await askServer(client, map, shard, table, key[0] as string, types[0] as KeyType)
      : await readKeys(client, map, shard, table, key, types)
  return found.rows === 0 ? null : { table, ...found }
}

/** Null: the table, or a column, is not there, or of no type that a key may have. */
async function readTypes(
  client: pg.ClientBase,
  table: string,
  key: readonly string[],
): Promise<KeyType[] | null> {
  const { rows } = await client.query<{ column: string; type: string }>(
    `select attname as column, coalesce(b.typname, t.typname) as type
     from pg_attribute join pg_type t on t.oid = atttypid
       left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
     where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
    [quoteTable(table)],
  )
  const types = key.map((column) => rows.find((row) => row.column === column)?.type)
  return types.every(isKeyType) ? types : null
}

function isKeyType(type: string | undefined): type is KeyType {
  return KEY_TYPES.some((known) => known === type)
}

type Found = Omit<MisplacedRows, 'table'>

async function askServer(
  client: pg.ClientBase,
  map: ShardMap,
  shard: string,
  table: string,
  column: string,
  type: KeyType,
): Promise<Found> {
  const starts = stretchesOf(map).map(({ from }) => String(from))
  const owners = Array.from(map.owners, (owner) => map.shards[owner] as string)
  const of = `k.${quote(column)}`
  const { rows } = await client.query<{ rows: string; samples: Found['samples'] }>(
    `with placed as (
       select ${of} as key, ($2::text[])[width_bucket(${positionSql(map.line, type, of)}, $1::${startType(map.line)}[])] as owner
       from ${quoteTable(table)} k
     ), misplaced as (select key::text as key, owner from placed where owner is distinct from $3)
     select count(*) as rows, coalesce((select jsonb_agg(jsonb_build_object('key', coalesce(key, 'NULL'), 'owner', owner))
       from (select * from misplaced limit ${MOST_SAMPLES}) s), '[]') as samples
     from misplaced`,
    [starts, owners, shard],
  )
  const [{ rows: count, samples }] = rows as [{ rows: string; samples: Found['samples'] }]
  return { rows: Number(count), samples }
}

async function readKeys(
  client: pg.ClientBase,
  map: ShardMap,
  shard: string,
  table: string,
  key: readonly string[],
  types: readonly KeyType[],
): Promise<Found> {
  const samples: { key: string; owner: string | null }[] = []
  let misplaced = 0
  const columns = key.map((column) => `${quote(column)}::text`).join(', ')
  await client.query('begin read only')
  await client.query(`declare keys no scroll cursor for select ${columns} from ${quoteTable(table)}`)
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({
      text: `fetch ${KEYS_AT_ONCE} from keys`,
      rowMode: 'array',
    } as pg.QueryArrayConfig)
    if (rows.length === 0) break
    for (const values of rows) {
      const owner = map.shards[locateRow(map, types, values)] as string
      if (owner === shard) continue
      misplaced++
      if (samples.length < MOST_SAMPLES)
        samples.push({ key: `(${values.map((value) => value ?? 'NULL').join(', ')})`, owner })
    }
  }
  await client.query('commit')
  return { rows: misplaced, samples }
}
