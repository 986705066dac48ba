import { afterEach } from 'vitest'
import { PATIENCE_MS } from '../../../test/scratch-herd.js'
import { createPool, type Pool, type PoolOptions } from '../src/index.js'

export * from '../../../test/scratch-herd.js'

const pools: Pool[] = []

afterEach(async () => {
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end()
})

/**
 * Options of a pool that leaves no node out, and takes no read off a lane, because the machine is busy with
 * something else: for tests that say which node answers, or count on which connections.
 */
export function unhurried(options: PoolOptions = {}): PoolOptions {
  return {
    maxLagMs: 10 * PATIENCE_MS,
    ...options,
    lanes: { patienceMs: PATIENCE_MS, ...options.lanes },
    probe: { timeoutMs: PATIENCE_MS, ...options.probe },
  }
}

/** A pool that is ended after the test. */
export function scratchPool(options: PoolOptions): Pool {
  const pool = createPool(options)
  pools.push(pool)
  return pool
}
