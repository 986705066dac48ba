import { HerdError } from '@pgherd/core'
import type { ShardedTable } from '@pgherd/core/routing'
import {
  KEY_TYPES,
  type KeyType,
  type Placement,
  type PlacementRow,
  readPlacement,
} from '@pgherd/core/sharding'
import type { RowText } from '@pgherd/core/sql'
import type pg from 'pg'

export type FullPlacement = Placement & { readonly thisGroup: string }

/** Where rows belong, as a group says; null: the herd is not sharded. Throws SHARD_MAP_INVALID. */
export async function fetchPlacement(client: pg.Client): Promise<FullPlacement | null> {
  const { rows: found } = await client.query<{ found: boolean }>(
    `select to_regclass('pgherd.placement') is not null as found`,
  )
  if (found[0]?.found !== true) return null
  const { rows } = await client.query<PlacementRow>(
    'select map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  return rows[0] === undefined ? null : readPlacement(rows[0])
}

/** A column of a table that is spread, as the shards have it. */
export interface PlacedColumn {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly type: string
  /** Equal text is the same bytes. */
  readonly deterministic: boolean
  /** It sorts otherwise than text of this database does. */
  readonly collated: boolean
  /** What it holds where nothing is said is another on each server. */
  readonly varying: boolean
  /** Made of others: nobody gives it a value. */
  readonly generated: boolean
}

export interface PlacedCatalogue {
  /** Of all tables that are spread and exist by now, in their tables' order. */
  readonly columns: readonly PlacedColumn[]
  /** Indexes and sequences of those, as `schema.name`. */
  readonly relations: ReadonlySet<string>
  /** Sequences that are made there give no number that those of other shards give. */
  readonly strided: boolean
  readonly rowText: RowText
  /** Of tables in `public`, by full name: which other one their name alone means to servers. */
  readonly hidden: ReadonlyMap<string, string>
}

/** What shards have of the tables that are called so, as `schema.name`. */
export async function fetchPlacedCatalogue(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<PlacedCatalogue> {
  const { rows: columns } = await client.query<PlacedColumn>(COLUMNS, [names])
  const { rows: relations } = await client.query<{ name: string }>(RELATIONS, [names])
  const { rows: strided } = await client.query<{ strided: boolean }>(STRIDED)
  const { rows: texts } = await client.query<RowText>(ROW_TEXT)
  const { rows: hidden } = await client.query<{ table: string; other: string }>(HIDDEN, [names])
  return {
    columns,
    relations: new Set(relations.map(({ name }) => name)),
    strided: strided[0]?.strided === true,
    rowText: texts[0] ?? { bytewise: false, exact: false },
    hidden: new Map(hidden.map(({ table, other }) => [table, other])),
  }
}

const STRIDED = `
  select exists (
    select from pg_event_trigger where evtname = 'pgherd_stride_sequences' and evtenabled <> 'D') as strided`

const COLUMNS = `
  select n.nspname as schema, c.relname as table, a.attname as column, t.typname as type,
         coalesce(l.collisdeterministic, true) as deterministic,
         coalesce(l.collname <> 'default', false) as collated,
         a.attidentity <> '' or (
           a.attgenerated = '' and d.adbin is not null
           and pg_get_expr(d.adbin, d.adrelid) !~ '^(''([^'']|'''')*''|-?[0-9.]+|true|false|NULL)(::[a-z0-9_ "().]+)*$'
         ) as varying,
         a.attgenerated <> '' as generated
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_collation l on l.oid = a.attcollation
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where c.relkind in ('r', 'p') and n.nspname || '.' || c.relname = any ($1)
   order by c.oid, a.attnum`

/** By the search path, whose first schema is by itself the one that is called like the role. */
const HIDDEN = `
  select placed as table, n.nspname || '.' || c.relname as other
    from unnest($1::text[]) as placed
    join pg_class c on c.oid = to_regclass(quote_ident(substr(placed, length('public.') + 1)))
    join pg_namespace n on n.oid = c.relnamespace
   where placed like 'public.%' and n.nspname <> 'public'`

/** PostgreSQL's built-in locales all sort by code point; so do "C" and "POSIX" of the operating system. */
const ROW_TEXT = `
  select coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'b'
           or coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' and d.datcollate in ('C', 'POSIX') as bytewise,
         current_setting('extra_float_digits')::int >= 1 and current_setting('DateStyle') like 'ISO%'
           and current_setting('bytea_output') = 'hex' as exact
    from pg_database d where d.datname = current_database()`

const RELATIONS = `
  select n.nspname || '.' || r.relname as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.classid = 'pg_class'::regclass
    join pg_class r on r.oid = d.objid and r.relkind in ('i', 'I', 'S')
   where n.nspname || '.' || c.relname = any ($1)
  union
  select n.nspname || '.' || r.relname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_index i on i.indrelid = c.oid
    join pg_class r on r.oid = i.indexrelid
   where n.nspname || '.' || c.relname = any ($1)`

/** What statements over tables that are spread are planned by. */
export interface PlacedTables {
  readonly tables: readonly ShardedTable[]
  /** Why no statement can be planned that names one of them, by full name. */
  readonly unusable: ReadonlyMap<string, HerdError>
}

export function shardedTablesOf(
  { tables }: FullPlacement,
  { columns, hidden }: Pick<PlacedCatalogue, 'columns' | 'hidden'>,
): PlacedTables {
  const unusable = new Map<string, HerdError>()
  const found = Object.entries(tables).map(([fullName, { kind, key }]) => {
    const dot = fullName.indexOf('.')
    const [schema, name] = [fullName.slice(0, dot), fullName.slice(dot + 1)]
    const own = columns.filter((each) => each.schema === schema && each.table === name)
    const keys = key.flatMap((column) => {
      const type = keyTypeOf(own.find((each) => each.column === column))
      return type === null ? [] : [{ column, type }]
    })
    // A table that is not there yet has no columns: whatever is asked of it, the server says so.
    if (own.length > 0 && keys.length < key.length) unusable.set(fullName, whyUnusable(fullName, key, own))
    const other = hidden.get(fullName)
    if (other !== undefined) unusable.set(fullName, whyHidden(fullName, name, other))
    return {
      schema,
      name,
      kind,
      key: keys,
      columns: own.map(({ column }) => column),
      varying: own.filter(({ varying }) => varying).map(({ column }) => column),
    }
  })
  return { tables: found, unusable }
}

function whyHidden(table: string, name: string, other: string): HerdError {
  return new HerdError(
    'NOT_SUPPORTED',
    `By search_path ${name} is ${other}, and by the spec it is ${table}.`,
    {
      hint: `Make ${table} by its full name, with no table of this name ahead of it in search_path.`,
    },
  )
}

function keyTypeOf(column: PlacedColumn | undefined): KeyType | null {
  const known = KEY_TYPES.find((each) => each === column?.type)
  return known !== undefined && column?.deterministic === true ? known : null
}

function whyUnusable(table: string, key: readonly string[], own: readonly PlacedColumn[]): HerdError {
  const name = key.find((each) => keyTypeOf(own.find(({ column }) => column === each)) === null) as string
  const column = own.find((each) => each.column === name)
  const hint = 'DROP the table, and make it with a shard key that can be one.'
  if (column === undefined)
    return new HerdError('SHARD_KEY_INVALID', `${table} has no column ${name}, which is its shard key.`, {
      hint,
    })
  const why = column.deterministic
    ? `is of type ${column.type}; a shard key is of ${KEY_TYPES.join(', ')}`
    : 'has a collation under which different texts are equal'
  return new HerdError('SHARD_KEY_INVALID', `Column ${name} of ${table} ${why}.`, { hint })
}
