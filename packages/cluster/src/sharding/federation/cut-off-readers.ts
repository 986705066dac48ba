import type pg from 'pg'

/**
 * Ends the sessions of the federation whose statement has run for `patienceMs` and reads from one of these
 * groups, and resolves to how many those were. `client`: a superuser's connection to the federation database.
 *
 * Nobody else would end them while processes of a shard are stopped: its kernel goes on acknowledging what it
 * is sent, so that no TCP timeout comes; postgres_fdw waits for an answer without end, and since PostgreSQL
 * 16 for a connection as well, whatever `connect_timeout` is (`libpqsrv_connect_internal`,
 * src/include/libpq/libpq-be-fe-helpers.h). Which shards a statement reads is seen by the foreign tables that
 * it has locked, which it has from when it is planned.
 */
export async function cutOffReaders(
  client: pg.Client,
  groups: readonly string[],
  patienceMs: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `select pg_terminate_backend(a.pid) from pg_stat_activity a
      where a.datname = current_database() and a.state = 'active' and a.pid <> pg_backend_pid()
        and a.query_start < clock_timestamp() - $2 * interval '1 millisecond'
        and exists (select from pg_locks l
          join pg_foreign_table t on t.ftrelid = l.relation join pg_foreign_server s on s.oid = t.ftserver
          where l.pid = a.pid and l.database = a.datid and s.srvname = any ($1))`,
    [groups, patienceMs],
  )
  return rowCount ?? 0
}
