import { createHash } from 'node:crypto'
import {
  familyOf,
  type KeyFamily,
  type KeyType,
  type Line,
  type ShardMap,
  stretchesOf,
} from '@pgherd/core/sharding'
import pg from 'pg'

const { escapeLiteral } = pg

/**
 * What `hash_combine64` adds to the hash of the first key column, and with one column there is no other
 * (src/include/common/hashfn.h). With it taken off beforehand, the hash of a row is its shard's number.
 */
const COMBINING_CONSTANT = 0x49a0f4dd15e5a8e3n

interface KeyOperators {
  readonly family: KeyFamily
  /** How SQL writes the types of the family, to the names of their operator classes. */
  readonly classes: Readonly<Record<string, string>>
}

const OPERATORS: readonly KeyOperators[] = [
  {
    family: 'integer',
    classes: { bigint: 'int8_shard_ops', integer: 'int4_shard_ops', smallint: 'int2_shard_ops' },
  },
  { family: 'text', classes: { text: 'text_shard_ops' } },
  { family: 'uuid', classes: { uuid: 'uuid_shard_ops' } },
]

/** The function that a key with no operator class is partitioned by. */
export const UNPLACED = 'pgherd.unplaced'

/** The operator class by which a column of this type can be a shard key; undefined: there is none. */
export function operatorClassOf(line: Line, type: string): string | undefined {
  const bare = /^character varying(\(\d+\))?$/.test(type) ? 'text' : type
  const found = usable(line).find(({ classes }) => classes[bare] !== undefined)?.classes[bare]
  return found && `pgherd.${found}`
}

/** Ranges are over keys of one family; hashes are of any. */
function usable(line: Line): readonly KeyOperators[] {
  return line.kind === 'key' ? OPERATORS.filter(({ family }) => family === line.family) : OPERATORS
}

/**
 * The statements that teach a database where a row belongs, in such a way that its planner uses it: hash
 * operator classes whose hash of a key is the number of its shard. Since the equality operator of the
 * key's own type belongs to them, PostgreSQL finds the one partition of `key = value` and joins partition
 * by partition on equal keys.
 *
 * They have no 32-bit hash (support function 1), without which no hash join or aggregate takes them for a
 * way to hash values (`get_op_hash_functions`, src/backend/utils/cache/lsyscache.c).
 */
export function shardOperators(line: Line): string[] {
  return [
    `create table pgherd.stretches (start ${startColumn(line)} primary key, shard integer not null)`,
    `grant select on pgherd.stretches to public`,
    ...usable(line).flatMap((operators) => operatorFamily(line, operators)),
    // Never asked: rows are not written here, and no query has this expression to prune by.
    `create function ${UNPLACED}(key anyelement) returns integer language plpgsql immutable as
     $$ begin raise 'rows are written to the shards, not to the federation'; end $$`,
  ]
}

function operatorFamily(line: Line, { family, classes }: KeyOperators): string[] {
  const types = Object.keys(classes)
  const name = `pgherd.${family}_shard_family`
  const pairs = types.flatMap((left) =>
    types.filter((right) => right !== left).map((right) => `operator 1 = (${left}, ${right})`),
  )
  return [
    `create operator family ${name} using hash`,
    ...types.flatMap((type) => [
      // Immutable, as hash functions have to be: plans that were made under an older map are dropped
      // by whoever changes it (`forgetPlans`).
      `create function pgherd.shard_hash(key ${type}, seed bigint) returns bigint
       language plpgsql immutable strict parallel safe as $$ begin
         return (select shard - ${COMBINING_CONSTANT} from pgherd.stretches
                 where start <= ${positionOf(line, family)} order by start desc limit 1);
       end $$`,
      `create operator class pgherd.${classes[type]} for type ${type} using hash family ${name}
       as operator 1 =, function 2 pgherd.shard_hash(${type}, bigint)`,
    ]),
    ...(pairs.length === 0 ? [] : [`alter operator family ${name} using hash add ${pairs.join(', ')}`]),
  ]
}

const HASHES: Record<KeyFamily, (key: string) => string> = {
  integer: (key) => `pg_catalog.hashint8extended(${key}::bigint, 0)`,
  text: (key) => `pg_catalog.hashtextextended(${key} collate "C", 0)`,
  uuid: (key) => `pg_catalog.uuid_hash_extended(${key}, 0)`,
}

const KEYS: Record<KeyFamily, (key: string) => string> = {
  integer: (key) => `${key}::bigint`,
  text: (key) => `${key} collate "C"`,
  uuid: (key) => key,
}

/** The position of a key in SQL. `key`: what SQL calls it. */
export function positionSql(line: Line, type: KeyType, key: string): string {
  return positionOf(line, familyOf(type), key)
}

function positionOf(line: Line, family: KeyFamily, key = 'key'): string {
  if (line.kind === 'key') return KEYS[family](key)
  const hash = HASHES[family](key)
  if (line.kind === 'hash') return hash
  return `pg_catalog.mod((${hash} >> 32) & 4294967295, ${line.modulus}::bigint)`
}

function startColumn(line: Line): string {
  const type = startType(line)
  return type === 'text' ? `${type} collate "C"` : type
}

/** The type of the positions at which stretches begin. */
export function startType(line: Line): string {
  if (line.kind !== 'key' || line.family === 'integer') return 'bigint'
  return line.family
}

/** The stretches of a map as the database is to have them; only what is different is written. */
export function writeStretches(map: ShardMap): string {
  const stretches = stretchesOf(map)
  const starts = arrayOf(stretches.map(({ from }) => String(from)))
  const owners = arrayOf(Array.from(map.owners, String))
  const type = startType(map.line)
  return `with wanted as (
    select start, shard from unnest(${starts}::${type}[], ${owners}::integer[]) as w (start, shard)
  ), gone as (
    delete from pgherd.stretches s where not exists (select from wanted w where w.start = s.start)
  )
  insert into pgherd.stretches select start, shard from wanted
  on conflict (start) do update set shard = excluded.shard where stretches.shard <> excluded.shard`
}

function arrayOf(elements: readonly string[]): string {
  const quoted = elements.map((element) => `"${element.replace(/["\\]/g, '\\$&')}"`)
  return escapeLiteral(`{${quoted.join(',')}}`)
}

/** A short text that differs when what it stands for does. */
export function digestOf(data: unknown): string {
  return createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16)
}
