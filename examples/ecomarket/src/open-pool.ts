import { createPool, type Pool } from '@pgherd/client'

/** How long a buyer waits through a failover. */
const PATIENCE_MS = 30_000

/**
 * How the marketplace talks to its herd. All it needs is where the nodes are; who the primary is, the
 * pool finds out, and a failover is a pause.
 *
 * What each part of the shop asks of its data is said here, once, and used by name: `pool.with('carts')`.
 * The users service, on shards, has the same pool; nothing in it says where a row is.
 */
export function openPool(nodes: string, { patienceMs = PATIENCE_MS } = {}): Pool {
  return createPool({
    nodes: [nodes],
    application_name: 'ecomarket',
    failoverWaitMs: Math.min(patienceMs, 10_000),
    policies: {
      // A price of a moment ago will do: any standby may answer, and also when there is no primary.
      catalogue: { consistency: 'eventual' },
      // Nothing is sold that is not there: read and written on the primary, and acknowledged only when a
      // standby has it too. A buyer rather waits through a failover than hears an error.
      inventory: { consistency: 'primary', synchronousCommit: 'on', failoverWaitMs: patienceMs },
      // Everybody sees their own changes, and without a primary what a standby has: see carts/carts.ts, which
      // also promises what cannot be saved now.
      carts: { consistency: 'session', failoverWaitMs: 100 },
    },
  })
}
