import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, scratchPool } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
}, 120_000)

test('a policy holds for a transaction, and not for what comes after it on the connection', async () => {
  const policies = { quick: { consistency: 'primary', synchronousCommit: 'local' } } as const
  const pool = scratchPool({ nodes, policies, max: 1 })
  const seen = await pool.with('quick').transaction(async (tx) => {
    const { rows } = await tx.query('select pg_backend_pid() as pid, current_setting($1) as commit', [
      'synchronous_commit',
    ])
    return rows[0]
  })
  expect(seen.commit).toBe('local')
  const after = await pool.transaction(async (tx) => {
    const { rows } = await tx.query('select pg_backend_pid() as pid, current_setting($1) as commit', [
      'synchronous_commit',
    ])
    return rows[0]
  })
  expect(after).toEqual({ pid: seen.pid, commit: 'on' })
})

test('a read-only transaction is answered where its policy says', async () => {
  const policies = { strong: { consistency: 'primary' }, loose: { consistency: 'eventual' } } as const
  const pool = scratchPool({ nodes, policies })
  const isStandby = async (policy: 'strong' | 'loose'): Promise<boolean> =>
    await pool.with(policy).transaction(
      async (tx) => {
        const { rows } = await tx.query('select pg_is_in_recovery() as standby')
        return rows[0].standby
      },
      { readOnly: true },
    )
  expect([await isStandby('strong'), await isStandby('loose')]).toEqual([false, true])
})
