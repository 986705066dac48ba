import { setTimeout as sleep } from 'node:timers/promises'
import { connectNode, type Login } from '../outbox/shard.js'

/** Reads of a table that each server has counted by itself, as scans of its indexes, by the node's name. */
export type Scans = ReadonlyMap<string, number>

/** A server adds up what a session did once a second, when it next does something. */
export const COUNTED_AFTER_MS = 1100

export interface CountedNode {
  name: string
  host: string
  port: number
}

export async function countScans(nodes: readonly CountedNode[], login: Login, table: string): Promise<Scans> {
  const counts = await Promise.all(
    nodes.map(async ({ name, host, port }): Promise<[string, number]> => {
      const client = await connectNode(`${host}:${port}`, login)
      try {
        const { rows } = await client.query<{ scans: string }>(
          'select coalesce(sum(idx_scan), 0) as scans from pg_stat_user_tables where relname = $1',
          [table],
        )
        return [name, Number(rows[0]?.scans)]
      } finally {
        await client.end()
      }
    }),
  )
  return new Map(counts)
}

/** Waits until the servers have added up what was done before `nudge`, which makes each session do something. */
export async function whenCounted(nudge: () => Promise<unknown>): Promise<void> {
  await sleep(COUNTED_AFTER_MS)
  await nudge()
  await sleep(50)
}
