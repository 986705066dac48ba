import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareWithOracle, fillAlike, openOracle, oracleHerd } from '../../../../test/oracle-herd.js'
import { createPool, type Pool } from '../../src/index.js'

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
  await compareWithOracle(pool as unknown as pg.Client, oracle, 1500, (error) =>
    error instanceof HerdError ? error.code : null,
  )
})
