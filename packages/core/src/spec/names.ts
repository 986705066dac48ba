/** Names of herds and groups: they become parts of node names, directories and `cluster_name`. */
export const NAME_PATTERN = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/
export const NAME_RULE =
  'a name of at most 40 lower-case letters, digits and hyphens that starts with a letter and does not end with a hyphen'

/** Names of databases that never need quoting for their letters; PostgreSQL keeps 63 bytes of them. */
export const DATABASE_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/
export const DATABASE_RULE =
  'a name of at most 63 lower-case letters, digits and underscores that does not start with a digit'

/** The databases `initdb` makes; a herd's own database is never one of them. */
export const RESERVED_DATABASES: readonly string[] = ['postgres', 'template0', 'template1']

/** The database of a herd whose spec names none. */
export function defaultDatabase(herdName: string): string {
  return herdName.replaceAll('-', '_')
}
