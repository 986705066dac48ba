import { connectAdmin, type LeftHerd, readSecrets } from '@pgherd/cluster'
import { HerdError, type NodeStatus } from '@pgherd/core'
import { readPlacement } from '@pgherd/core/sharding'
import type pg from 'pg'
import { askServer, failedOn, nothingSharded, type PlacedHerd } from '../shards/placed-herd.js'
import { requireSupervisor } from './herd-location.js'

const TIMEOUT_MS = 10 * 60_000

/** Throws HERD_NOT_RUNNING, NOT_SUPPORTED, SHARD_MAP_INVALID, SQL_FAILED. */
export async function askPlacedHerd(herd: LeftHerd): Promise<PlacedHerd> {
  const { name, sharding, groups } = herd.identity.spec
  if (sharding === undefined) throw nothingSharded(name)
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
      const { database } = herd.identity.spec
      return askServer(
        primaryOf(group),
        { password: superuser, database, timeoutMs: TIMEOUT_MS },
        text,
        values,
      )
    },
    connect: async (group, database) => {
      const primary = primaryOf(group)
      return connectAdmin(primary, superuser, TIMEOUT_MS, database).catch(failedOn(primary))
    },
  }
}
