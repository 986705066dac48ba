import { connectAdmin, type LeftHerd, readSecrets, withAdminConnection } from '@pgherd/cluster'
import { HerdError, type NodeStatus } from '@pgherd/core'
import { type PlacedTable, type Placement, readPlacement } from '@pgherd/core/sharding'
import type pg from 'pg'
import { requireSupervisor } from './herd-location.js'

const TIMEOUT_MS = 10 * 60_000

/** A herd that runs and is sharded, to ask its groups. */
export interface PlacedHerd {
  readonly placement: Placement
  readonly database: string
  /** Runs on the group's primary, reading only. Throws HERD_NOT_RUNNING, SQL_FAILED. */
  ask<Row extends pg.QueryResultRow>(group: string, text: string, values?: unknown[]): Promise<Row[]>
  /** A superuser's connection to a database on the group's primary. Throws HERD_NOT_RUNNING, SQL_FAILED. */
  connect(group: string, database: string): Promise<pg.Client>
}

/** Throws HERD_NOT_RUNNING, NOT_SUPPORTED, SHARD_MAP_INVALID, SQL_FAILED. */
export async function askPlacedHerd(herd: LeftHerd): Promise<PlacedHerd> {
  const { name, sharding, groups } = herd.identity.spec
  if (sharding === undefined)
    throw new HerdError('NOT_SUPPORTED', `Nothing is sharded in the herd "${name}".`, {
      hint: 'A herd is sharded from the start, by "sharding" in its spec; see docs/sharding.md.',
    })
  const { ask, connect } = await reach(herd)
  const [row] = await ask<Parameters<typeof readPlacement>[0] & pg.QueryResultRow>(
    sharding.home,
    'select map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  if (row === undefined || groups.length === 0)
    throw new HerdError('HERD_NOT_RUNNING', 'The herd has no placement yet; it is still coming up.')
  return { placement: readPlacement(row), database: herd.identity.spec.database, ask, connect }
}

async function reach(herd: LeftHerd): Promise<Pick<PlacedHerd, 'ask' | 'connect'>> {
  const status = await requireSupervisor(herd).topology()
  const secrets = await readSecrets(herd.paths.secrets)
  if (secrets === null) throw new HerdError('STATE_UNREADABLE', `${herd.paths.secrets} is missing.`)
  const { superuser } = secrets
  const primaryOf = (group: string): NodeStatus => {
    const nodes = status.groups.find(({ name }) => name === group)?.nodes ?? []
    const primary = nodes.find(({ role, state }) => role === 'primary' && state === 'running')
    if (primary !== undefined) return primary
    throw new HerdError('HERD_NOT_RUNNING', `${group} has no primary to ask just now.`, {
      hint: 'See "pgherd status".',
    })
  }
  return {
    ask: async (group, text, values = []) => {
      const primary = primaryOf(group)
      const use = async (client: pg.Client): Promise<never[]> => {
        await client.query('set default_transaction_read_only = on')
        return (await client.query(text, values)).rows as never[]
      }
      const { database } = herd.identity.spec
      return withAdminConnection(primary, superuser, TIMEOUT_MS, use, database).catch(failedOn(primary))
    },
    connect: async (group, database) => {
      const primary = primaryOf(group)
      return connectAdmin(primary, superuser, TIMEOUT_MS, database).catch(failedOn(primary))
    },
  }
}

function failedOn({ name }: NodeStatus): (cause: unknown) => never {
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
