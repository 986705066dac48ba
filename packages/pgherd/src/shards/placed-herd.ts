import { withAdminConnection } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type { PlacedTable, Placement } from '@pgherd/core/sharding'
import type pg from 'pg'

/** A herd that runs and is sharded, to ask its groups. */
export interface PlacedHerd {
  readonly placement: Placement
  readonly database: string
  /** Runs on the group's primary, reading only. Throws HERD_NOT_RUNNING, SQL_FAILED. */
  ask<Row extends pg.QueryResultRow>(group: string, text: string, values?: unknown[]): Promise<Row[]>
  /** A superuser's connection to a database on the group's primary. Throws HERD_NOT_RUNNING, SQL_FAILED. */
  connect(group: string, database: string): Promise<pg.Client>
}

/** A server as its superuser reaches it. */
export interface AdministeredServer {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Asks a server something that changes nothing. Throws SQL_FAILED. */
export function askServer<Row extends pg.QueryResultRow>(
  server: AdministeredServer,
  access: { readonly password: string; readonly database: string; readonly timeoutMs: number },
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const use = async (client: pg.Client): Promise<Row[]> => {
    await client.query('set default_transaction_read_only = on')
    return (await client.query<Row>(text, values)).rows
  }
  const { password, timeoutMs, database } = access
  return withAdminConnection(server, password, timeoutMs, use, database).catch(failedOn(server))
}

/** Throws NOT_SUPPORTED. */
export function nothingSharded(name: string): HerdError {
  return new HerdError('NOT_SUPPORTED', `Nothing is sharded in the herd "${name}".`, {
    hint: 'A herd is sharded from the start, by "sharding" in its spec; see docs/sharding.md.',
  })
}

export function failedOn({ name }: AdministeredServer): (cause: unknown) => never {
  return (cause) => {
    throw sqlFailed(name, cause)
  }
}

/** `place`: a node or a group. */
export function sqlFailed(place: string, cause: unknown): HerdError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HerdError('SQL_FAILED', `${place}: ${reason}`, { cause })
}

/** The placed tables in the order of their names, which jsonb does not keep. */
export function sortedTables({ tables }: Placement): [string, PlacedTable][] {
  return Object.entries(tables).sort(([one], [other]) => (one < other ? -1 : 1))
}

/** A table's name as the placement has it. */
export function withSchema(table: string): string {
  return table.includes('.') ? table : `public.${table}`
}

/** The table as SQL names it. */
export function quoteTable(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
}
