import { HerdError } from '@pgherd/core'
import type pg from 'pg'

/** All by which a database decides which of two texts comes first, and what the federation's is made with. */
export interface Sorting {
  readonly encoding: string
  readonly collate: string
  readonly ctype: string
  /** libc, icu or builtin. */
  readonly provider: string
  readonly locale: string | null
  readonly rules: string | null
  /** Of the library that sorts, as it is installed now; null where it has none. */
  readonly version: string | null
}

const PROVIDERS: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' }

export async function readSorting(client: pg.ClientBase): Promise<Sorting> {
  // Columns that only some versions have are asked for as fields of a document.
  const { rows } = await client.query(
    `select pg_encoding_to_char(encoding) as encoding, to_jsonb(d) as d, current_setting('server_version_num')::int as major
     from pg_database d where datname = current_database()`,
  )
  const [{ encoding, d, major }] = rows
  return {
    encoding,
    collate: d.datcollate,
    ctype: d.datctype,
    provider: PROVIDERS[d.datlocprovider ?? 'c'] ?? d.datlocprovider,
    locale: d.datlocale ?? d.daticulocale ?? null,
    rules: d.daticurules ?? null,
    version: major >= 150000 ? await actualVersion(client) : null,
  }
}

async function actualVersion(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query(
    'select pg_database_collation_actual_version(oid) as version from pg_database where datname = current_database()',
  )
  return rows[0].version
}

/**
 * postgres_fdw has rows sorted and texts compared by the shards, taking for granted that they do it as
 * the server that asks (`foreign_expr_walker`, contrib/postgres_fdw/deparse.c). Throws NOT_SUPPORTED
 * where they do not.
 */
export function requireSameSorting(home: Sorting, shards: ReadonlyMap<string, Sorting>): void {
  for (const [shard, sorting] of shards) {
    const field = (Object.keys(home) as (keyof Sorting)[]).find((key) => home[key] !== sorting[key])
    if (field === undefined) continue
    throw new HerdError(
      'NOT_SUPPORTED',
      `Shard "${shard}" sorts text otherwise than home: its ${field} is ${sorting[field]}, not ${home[field]}.`,
      { hint: 'Queries over shards need the same locale and the same version of its library everywhere.' },
    )
  }
}

/** The end of a CREATE DATABASE that makes a database sort so. */
export function sortingOptions(sorting: Sorting, literal: (text: string) => string): string {
  const { encoding, collate, ctype, provider, locale, rules } = sorting
  const options = [
    `encoding ${literal(encoding)}`,
    `lc_collate ${literal(collate)}`,
    `lc_ctype ${literal(ctype)}`,
    ...(provider === 'libc' ? [] : [`locale_provider ${provider}`]),
    ...(locale === null || provider === 'libc' ? [] : [`${provider}_locale ${literal(locale)}`]),
    ...(rules === null ? [] : [`icu_rules ${literal(rules)}`]),
  ]
  return `template template0 ${options.join(' ')}`
}
