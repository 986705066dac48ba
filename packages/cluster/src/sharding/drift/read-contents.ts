import type { TableContents } from '@pgherd/core/sharding'
import pg from 'pg'

const { escapeIdentifier: quote } = pg

/** The same text for the same values, whatever the database is set to. */
export const SAME_TEXT = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';
  set bytea_output = 'hex'; set extra_float_digits = 1; set lc_monetary = 'C'`

/**
 * Counts and digests the rows of a table, columns by name, in whatever order the rows are: the digest is the
 * sum of their hashes. Null: there is no such table.
 */
export async function readContents(client: pg.ClientBase, table: string): Promise<TableContents | null> {
  const { rows: columns } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attname`,
    [quoteTable(table)],
  )
  if (columns.length === 0) return null
  const row = `row(${columns.map(({ name }) => `t.${quote(name)}`).join(', ')})::text`
  const { rows } = await client.query<{ rows: string; digest: string }>(
    `select count(*) as rows, coalesce(sum(hashtextextended(${row} collate "C", 0)), 0)::text as digest
     from ${quoteTable(table)} t`,
  )
  const [{ rows: count, digest }] = rows as [{ rows: string; digest: string }]
  return { table, rows: Number(count), digest }
}

/** A table whose name has its schema in front, as SQL names it. */
export function quoteTable(table: string): string {
  return table.split('.').map(quote).join('.')
}
