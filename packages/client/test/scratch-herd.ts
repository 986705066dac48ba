import { afterEach } from 'vitest'
import { createPool, type Pool, type PoolOptions } from '../src/index.js'

export * from '../../../test/scratch-herd.js'

const pools: Pool[] = []

afterEach(async () => {
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end()
})

/** A pool that is ended after the test. */
export function scratchPool(options: PoolOptions): Pool {
  const pool = createPool(options)
  pools.push(pool)
  return pool
}
