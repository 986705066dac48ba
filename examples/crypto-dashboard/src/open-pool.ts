import { createPool, type Pool } from '@pgherd/client'

export interface PoolSettings {
  /** The nodes, as one connection string. */
  dsn: string
  /** The supervisor's socket, which tells of role changes at once; null: they are found by asking. */
  supervisor: string | null
}

/** How the dashboard talks to its herd: what each part of it asks of its data is said here, once. */
export function openPool({ dsn, supervisor }: PoolSettings): Pool {
  return createPool({
    nodes: [dsn],
    application_name: 'crypto-dashboard',
    failoverWaitMs: 5000,
    ...(supervisor === null ? {} : { supervisor }),
    policies: {
      // Prices as the standby has them, also while there is no primary.
      market: { consistency: 'eventual', failoverWaitMs: 800 },
      // Somebody who has bought something sees it, whichever node answers.
      portfolio: { consistency: 'session' },
    },
  })
}
