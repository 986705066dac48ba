import { type LeftHerd, readSecrets, withAdminConnection } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { type PlacedTable, type Placement, readPlacement } from '@pgherd/core/sharding'
import type pg from 'pg'
import { requireSupervisor } from './herd-location.js'

const TIMEOUT_MS = 10 * 60_000

/** A herd that runs and is sharded, to ask its groups. */
export interface PlacedHerd {
  readonly placement: Placement
  /** Runs on the group's primary, reading only. Throws HERD_NOT_RUNNING, SQL_FAILED. */
  ask<Row extends pg.QueryResultRow>(group: string, text: string, values?: unknown[]): Promise<Row[]>
}

/** Throws HERD_NOT_RUNNING, NOT_SUPPORTED, SHARD_MAP_INVALID, SQL_FAILED. */
export async function askPlacedHerd(herd: LeftHerd): Promise<PlacedHerd> {
  const { name, sharding, groups } = herd.identity.spec
  if (sharding === undefined)
    throw new HerdError('NOT_SUPPORTED', `Nothing is sharded in the herd "${name}".`, {
      hint: 'A herd is sharded from the start, by "sharding" in its spec; see docs/sharding.md.',
    })
  const ask = await askerOf(herd)
  const [row] = await ask<Parameters<typeof readPlacement>[0] & pg.QueryResultRow>(
    sharding.home,
    'select map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  if (row === undefined || groups.length === 0)
    throw new HerdError('HERD_NOT_RUNNING', 'The herd has no placement yet; it is still coming up.')
  return { placement: readPlacement(row), ask }
}

async function askerOf(herd: LeftHerd): Promise<PlacedHerd['ask']> {
  const status = await requireSupervisor(herd).topology()
  const secrets = await readSecrets(herd.paths.secrets)
  if (secrets === null) throw new HerdError('STATE_UNREADABLE', `${herd.paths.secrets} is missing.`)
  return async (group, text, values = []) => {
    const nodes = status.groups.find(({ name }) => name === group)?.nodes ?? []
    const primary = nodes.find(({ role, state }) => role === 'primary' && state === 'running')
    if (primary === undefined)
      throw new HerdError('HERD_NOT_RUNNING', `${group} has no primary to ask just now.`, {
        hint: 'See "pgherd status".',
      })
    const use = async (client: pg.Client): Promise<never[]> => {
      await client.query('set default_transaction_read_only = on')
      return (await client.query(text, values)).rows as never[]
    }
    return withAdminConnection(
      primary,
      secrets.superuser,
      TIMEOUT_MS,
      use,
      herd.identity.spec.database,
    ).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new HerdError('SQL_FAILED', `${primary.name}: ${reason}`, { cause })
    })
  }
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
