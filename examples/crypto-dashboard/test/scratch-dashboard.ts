import type { Pool } from '@pgherd/client'
import type { Herd } from '@pgherd/cluster'
import { afterAll } from 'vitest'
import { scratchHerd } from '../../../test/scratch-herd.js'
import type { HerdView } from '../src/herd/herd-view.js'
import { openPool } from '../src/open-pool.js'
import { type Dashboard, runDashboard } from '../src/run-dashboard.js'

const ends: (() => Promise<void>)[] = []

afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A herd like that of herd.yaml, with a pool. */
export async function scratchCrypto(): Promise<{ herd: Herd; view: HerdView; pool: Pool }> {
  const herd = await scratchHerd(
    'database: crypto\ngroups: [{ name: crypto, nodes: 2, durability: zero-loss }]\n',
  )
  const pool = openPool({ dsn: herd.dsn(), supervisor: null })
  pool.on('error', () => {})
  ends.push(() => pool.end())
  const view = { topology: () => herd.status(), dsnOf: async (node: string) => herd.dsn(node) }
  return { herd, view, pool }
}

/** The dashboard on it, with a simulated market and `historyMinutes` of a past. */
export async function scratchDashboard(
  { pool, view }: { pool: Pool; view: HerdView },
  historyMinutes: number,
): Promise<Dashboard> {
  const dashboard = await runDashboard({
    pool,
    herd: view,
    port: 0,
    sourceUrl: null,
    seed: 7,
    historyMinutes,
    keepHours: null,
    log: true,
    tell: () => {},
  })
  ends.push(() => dashboard.close())
  return dashboard
}
