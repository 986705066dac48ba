import type pg from 'pg'
import { type Column, type DescribedTable, type Extension, nameOf, type OwnType } from './description.js'

/** The first OID that PostgreSQL gives to what users make (`FirstNormalObjectId`, access/transam.h). */
const FIRST_OWN_OID = 16384

interface ColumnRow extends Column {
  readonly typeId: number
  readonly ownCollation: boolean
}

interface TableRow {
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly extension: string | null
  readonly columns: readonly ColumnRow[]
}

interface TypeRow {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly extension: Extension | null
  readonly elementId: number
  readonly labels: readonly string[] | null
  readonly base: ColumnRow | null
  readonly attributes: readonly ColumnRow[] | null
}

/** Every table of the user's in the database that this connection leads to. Needs an empty search path. */
export async function readTables(client: pg.ClientBase): Promise<DescribedTable[]> {
  const { rows: tables } = await client.query<TableRow>(TABLES)
  const { rows: types } = await client.query<TypeRow>(TYPES)
  const known = new Map(types.map((type) => [type.id, type]))
  return tables.map((table) => describe(table, known))
}

const OWN_SCHEMAS = `n.nspname not in ('pgherd', 'information_schema') and n.nspname !~ '^pg_'`

/** One column's description; `a` has `name`, `type_id`, `typmod` and `collation`. */
const COLUMN = `jsonb_build_object(
  'name', a.name, 'type', format_type(a.type_id, a.typmod), 'typeId', a.type_id::bigint,
  'collation', case when a.collation not in (0, ct.typcollation)
                    then format('%I.%I', cn.nspname, co.collname) end,
  'ownCollation', coalesce(cn.nspname <> 'pg_catalog', false))`
const COLUMN_TABLES = `join pg_type ct on ct.oid = a.type_id
  left join pg_collation co on co.oid = a.collation left join pg_namespace cn on cn.oid = co.collnamespace`

const COLUMNS_OF = (relation: string) => `
  select coalesce(jsonb_agg(${COLUMN} order by a.place), '[]')
  from (select attname as name, atttypid as type_id, atttypmod as typmod, attcollation as collation,
               attnum as place
        from pg_attribute where attrelid = ${relation} and attnum > 0 and not attisdropped) a
  ${COLUMN_TABLES}`

const EXTENSION_OF = (catalogue: string, id: string, what: string) => `
  select ${what} from pg_depend d join pg_extension e on e.oid = d.refobjid
  join pg_namespace en on en.oid = e.extnamespace
  where d.classid = '${catalogue}'::regclass and d.objid = ${id} and d.deptype = 'e'
    and d.refclassid = 'pg_extension'::regclass`

const TABLES = `
select n.nspname as schema, c.relname as name, c.relkind as kind,
       (${EXTENSION_OF('pg_class', 'c.oid', 'e.extname')}) as extension,
       (${COLUMNS_OF('c.oid')}) as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'm', 'v') and ${OWN_SCHEMAS}
order by 1, 2`

const TYPES = `
select to_jsonb(t.oid::bigint) as id, n.nspname as schema, t.typname as name, t.typtype as kind,
       (${EXTENSION_OF('pg_type', 't.oid', `jsonb_build_object('schema', en.nspname, 'name', e.extname)`)}) as extension,
       to_jsonb(case when t.typcategory = 'A' then t.typelem::bigint else 0 end) as "elementId",
       (select jsonb_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = t.oid) as labels,
       (select ${COLUMN} from (select '' as name, t.typbasetype as type_id, t.typtypmod as typmod,
                                      t.typcollation as collation) a ${COLUMN_TABLES}
        where t.typtype = 'd') as base,
       case when r.relkind = 'c' then (${COLUMNS_OF('t.typrelid')}) end as attributes
from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class r on r.oid = t.typrelid
where ${OWN_SCHEMAS} and (t.typrelid = 0 or r.relkind = 'c')`

function describe(table: TableRow, known: ReadonlyMap<number, TypeRow>): DescribedTable {
  const { schema, name, extension } = table
  const needs = new Needs(known)
  if (table.kind === 'v') needs.refuse('views are not in the federation')
  if (extension !== null) needs.refuse(`it belongs to the extension ${extension}`)
  for (const column of table.columns) needs.add(column, `column "${column.name}"`)
  const { types, extensions, obstacle } = needs
  return {
    schema,
    name,
    columns: table.columns.map(plainColumn),
    types: [...types.values()],
    extensions,
    obstacle,
  }
}

function plainColumn({ name, type, collation }: ColumnRow): Column {
  return { name, type, collation }
}

/** Gathers what columns rest on, each thing after those it needs itself. */
class Needs {
  readonly types = new Map<number, OwnType>()
  readonly extensions: Extension[] = []
  obstacle: string | null = null
  readonly #known: ReadonlyMap<number, TypeRow>

  constructor(known: ReadonlyMap<number, TypeRow>) {
    this.#known = known
  }

  refuse(reason: string): void {
    this.obstacle ??= reason
  }

  add(column: ColumnRow, where: string): void {
    if (column.ownCollation)
      this.refuse(`${where} has the collation ${column.collation}, which is not PostgreSQL's own`)
    this.#addType(column, where)
  }

  #addType({ typeId, type }: { typeId: number; type: string }, where: string): void {
    if (typeId < FIRST_OWN_OID || this.types.has(typeId)) return
    const row = this.#known.get(typeId)
    if (row === undefined) this.refuse(`${where} is of the type ${type}, the rows of a table`)
    else if (row.elementId !== 0) this.#addType({ typeId: row.elementId, type }, where)
    else if (row.extension !== null) this.#addExtension(row.extension)
    else this.#addOwn(row, where)
  }

  #addExtension(extension: Extension): void {
    if (!this.extensions.some(({ name }) => name === extension.name)) this.extensions.push(extension)
  }

  #addOwn(row: TypeRow, where: string): void {
    const { id, schema, name, labels, base, attributes } = row
    if (labels !== null) this.types.set(id, { schema, name, kind: 'enum', labels })
    else if (base !== null) {
      this.add(base, where)
      this.types.set(id, { schema, name, kind: 'domain', base: base.type, collation: base.collation })
    } else if (attributes !== null) {
      for (const attribute of attributes) this.add(attribute, where)
      this.types.set(id, { schema, name, kind: 'composite', attributes: attributes.map(plainColumn) })
    } else this.refuse(`${where} is of the type ${nameOf(row)}, which is neither enum, domain nor composite`)
  }
}
