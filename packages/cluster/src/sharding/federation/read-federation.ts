import type pg from 'pg'
import { type Column, type Extension, nameOf, type OwnType } from './description.js'
import { APPLICATION_NAME, LAYOUT_MARK, type Login, type Options } from './federation.js'
import { readTables } from './read-tables.js'

/** A table that a sync has made, with what its comment says of it. What people made here is not among them. */
export interface ExistingTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  readonly types: readonly OwnType[]
  readonly layout: string
}

/** A federation as its database has it. */
export interface ExistingFederation {
  /** Null: there is none yet. */
  readonly operators: string | null
  readonly stretches: string | null
  readonly settings: Options
  readonly readers: readonly string[]
  readonly servers: ReadonlyMap<string, Options>
  readonly logins: readonly Login[]
  readonly extensions: readonly Extension[]
  readonly types: readonly OwnType[]
  readonly tables: readonly ExistingTable[]
}

/** Reads what is there. Needs an empty search path. */
export async function readFederation(client: pg.ClientBase): Promise<ExistingFederation> {
  const { rows } = await client.query(STATE)
  const [state] = rows
  const comments = new Map<string, string>(Object.entries(state.comments))
  const tables = (await readTables(client)).flatMap((table) => {
    const layout = comments.get(nameOf(table))
    return layout === undefined ? [] : [{ ...table, layout }]
  })
  return {
    ...state,
    settings: Object.fromEntries(state.settings.map(splitOption)),
    servers: new Map(Object.entries(state.servers)),
    types: [...new Map(tables.flatMap(({ types }) => types).map((type) => [nameOf(type), type])).values()],
    tables,
  }
}

function splitOption(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}

const OPTIONS = (options: string) =>
  `(select coalesce(jsonb_object_agg(option_name, option_value), '{}') from pg_options_to_table(${options}))`

/** By which servers are known as those of a sync. */
const OURS = `srvoptions @> array['application_name=${APPLICATION_NAME}']`

const STATE = `
select
  obj_description(to_regnamespace('pgherd'), 'pg_namespace') as operators,
  obj_description(to_regclass('pgherd.stretches'), 'pg_class') as stretches,
  (select coalesce(jsonb_agg(s order by s), '[]') from pg_db_role_setting d, unnest(d.setconfig) s
   where d.setrole = 0 and d.setdatabase = b.oid) as settings,
  (select coalesce(jsonb_agg(distinct coalesce(r.rolname, 'public')), '[]')
   from aclexplode(coalesce(b.datacl, acldefault('d', b.datdba))) x left join pg_roles r on r.oid = x.grantee
   where x.privilege_type = 'CONNECT' and x.grantee <> b.datdba) as readers,
  (select coalesce(jsonb_object_agg(srvname, ${OPTIONS('srvoptions')}), '{}') from pg_foreign_server where ${OURS}) as servers,
  (select coalesce(jsonb_agg(jsonb_build_object('role', usename, 'server', f.srvname,
                                                'options', ${OPTIONS('umoptions')})), '[]')
   from pg_user_mappings u join pg_foreign_server f on f.oid = u.srvid where ${OURS}) as logins,
  (select coalesce(jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', e.extname)), '[]')
   from pg_extension e join pg_namespace n on n.oid = e.extnamespace) as extensions,
  (select coalesce(jsonb_object_agg(n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class')), '{}')
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname <> 'pgherd' and obj_description(c.oid, 'pg_class') like '${LAYOUT_MARK}%') as comments
from pg_database b where b.datname = current_database()`
