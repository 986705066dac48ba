import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Pool } from '@pgherd/client'
import { type Herd, openHerd } from '@pgherd/cluster'
import { locateKey } from '@pgherd/core/sharding'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { fetchPlacement } from '../../src/herd/fetch-placement.js'
import { openPool } from '../../src/open-pool.js'
import { type Login, readLogin } from '../../src/outbox/shard.js'
import { temporaryFolder } from '../../src/state-folder.js'
import { loadUsersHerd } from '../../src/users/load-users-herd.js'
import { registerUser } from '../../src/users/register-user.js'

const SPEC = fileURLToPath(new URL('../../users.yaml', import.meta.url))

export const SHARDS = ['s1', 's2', 's3', 's4'] as const
export type ShardName = (typeof SHARDS)[number]

/** A herd of users.yaml, with as many nodes as a test needs. */
export interface ScratchUsers {
  herd: Herd
  pool: Pool
  login: Login
  /** Runs on the primary of one group, behind the pool's back. */
  ask<Row extends pg.QueryResultRow>(group: string, text: string, values?: unknown[]): Promise<Row[]>
  /** On which shard a user is, by the map. */
  shardOf(userId: string): ShardName
  /** Registers somebody whom the map puts on this shard. */
  registerOn(shard: ShardName): Promise<string>
  close(): Promise<void>
}

/** `nodes`: of each shard; one where nothing is said, as in home. */
export async function openScratchUsers(
  name: string,
  nodes: Partial<Record<ShardName, number>> = {},
): Promise<ScratchUsers> {
  const state = await temporaryFolder()
  const groups = ['home', ...SHARDS].map(
    (group) => `  - { name: ${group}, nodes: ${nodes[group as ShardName] ?? 1} }\n`,
  )
  const text = (await readFile(SPEC, 'utf8'))
    .replace(/^name: .*$/m, `name: ${name}`)
    .replace(/^groups:\n(?: .*\n)+/m, `groups:\n${groups.join('')}`)
  const herd = await openHerd({ spec: parseSpec(text, SPEC), stateDir: state.path })
  await herd.whenWhole()
  const pool = openPool(herd.dsn(), { patienceMs: 1500 })
  await loadUsersHerd(pool)
  const ask: ScratchUsers['ask'] = async (group, query, values) => {
    const client = new pg.Client(herd.dsn(herd.primaryOf(group)?.name))
    await client.connect()
    try {
      return (await client.query(query, values)).rows
    } finally {
      await client.end()
    }
  }
  const { map } = await fetchPlacement(pool)
  const shardOf = (userId: string): ShardName => map.shards[locateKey(map, 'int8', userId)] as ShardName
  return {
    herd,
    pool,
    login: readLogin(herd.dsn()),
    ask,
    shardOf,
    registerOn: async (shard) => {
      for (;;) {
        const userId = await registerUser(pool, somebody(`${shard}-${process.hrtime.bigint()}`))
        if (shardOf(userId) === shard) return userId
      }
    },
    close: async () => {
      await pool.end()
      await herd.stop()
      await state.remove()
    },
  }
}

/** Somebody who has not been here before. */
export function somebody(at: number | string) {
  return { email: `user-${at}@example.org`, name: `User ${at}`, city: 'Lisbon', country: 'PT' }
}
