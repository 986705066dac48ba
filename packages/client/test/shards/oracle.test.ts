import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compareWithOracle, fillAlike, openOracle, oracleHerd } from '../../../../test/oracle-herd.js'
import { GroupPool } from '../../src/group-pool.js'
import { createPool, type Pool } from '../../src/index.js'
import { ScatterRuns } from '../../src/shards/scatter-runs.js'

let herd: Herd
let pool: Pool
let oracle: pg.Client

beforeAll(async () => {
  herd = await oracleHerd()
  oracle = await openOracle(herd)
  pool = createPool({ nodes: [herd.dsn(herd.primaryOf('home')?.name as string, 'application')] })
  await fillAlike(pool as unknown as pg.Client, oracle)
}, 180_000)

afterAll(async () => {
  await Promise.all([pool.end(), oracle.end()])
})

test('I5: a sharded herd answers what one database answers, or refuses', { timeout: 600_000 }, async () => {
  expect.hasAssertions()
  const scattered = vi.spyOn(ScatterRuns.prototype, 'run')
  const run = vi.spyOn(GroupPool.prototype, 'run')
  await compareWithOracle(pool as unknown as pg.Client, oracle, 1500, (error) =>
    error instanceof HerdError ? error.code : null,
  )
  const federated = run.mock.contexts.filter(({ name }) => name.endsWith('_herd')).length
  console.log(`put together here: ${scattered.mock.calls.length}; by the federation: ${federated}`)
  expect(scattered.mock.calls.length).toBeGreaterThan(federated)
})
