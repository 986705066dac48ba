/**
 * SQL for how many rows a relation of `pg_class` has, about: as ANALYZE found, and before there was one as
 * PostgreSQL counts what comes and goes. Null: not known.
 */
export function estimatedRows(relation: string): string {
  return `case when ${relation}.reltuples >= 0 then ${relation}.reltuples
    else nullif(pg_stat_get_live_tuples(${relation}.oid), 0) end::float8`
}
