import { estimatedRows } from '../../shards/estimated-rows.js'

/** Tables, views and what they have, of everything a person has made, as the superuser sees it. */
export const TABLES_SQL = `
select n.nspname as schema, c.relname as name, c.relkind as kind,
  case when c.relkind in ('r', 'm', 'p') then
    (select case when bool_and(${estimatedRows('p')} is not null) then sum(${estimatedRows('p')}) end
      from pg_partition_tree(c.oid) t join pg_class p on p.oid = t.relid where t.isleaf) end as tree_rows,
  ${estimatedRows('c')} as own_rows,
  case when c.relkind in ('r', 'm') then pg_total_relation_size(c.oid)::float8
    when c.relkind = 'p' then
      (select sum(pg_total_relation_size(t.relid))::float8 from pg_partition_tree(c.oid) t where t.isleaf)
    end as bytes,
  (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'isNullable', not a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
      'isPrimaryKey', a.attnum = any (coalesce(k.conkey, '{}'))) order by a.attnum), '[]')
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select coalesce(json_agg(json_build_object('name', i.relname, 'definition', pg_get_indexdef(i.oid),
      'bytes', pg_relation_size(i.oid)::float8) order by i.relname), '[]')
    from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = c.oid) as indexes
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
where c.relkind in ('r', 'v', 'm', 'p', 'f') and not c.relispartition
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgherd')
order by 1, 2
limit 5000`

export interface TableRow {
  schema: string
  name: string
  kind: 'r' | 'v' | 'm' | 'p' | 'f'
  tree_rows: number | null
  own_rows: number | null
  bytes: number | null
  columns: {
    name: string
    type: string
    isNullable: boolean
    default: string | null
    isPrimaryKey: boolean
  }[]
  indexes: { name: string; definition: string; bytes: number | null }[]
}
