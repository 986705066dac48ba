import type { Pool } from '@pgherd/client'
import { HerdError } from '@pgherd/core'

export type SourceKind = 'simulated' | 'real'

const READ_KIND = `
select source from starts
where exists (select from prices)
order by at desc limit 1`

/** Simulated and real prices in one table would be neither. Throws USAGE when those that are there are of the other kind. */
export async function refuseMixedPrices(pool: Pool, kind: SourceKind): Promise<void> {
  const { rows } = await pool.query<{ source: SourceKind }>({ text: READ_KIND, consistency: 'primary' })
  const before = rows[0]?.source ?? kind
  if (before === kind) return
  throw new HerdError('USAGE', `This herd holds ${before} prices; ${kind} ones would be mixed with them.`, {
    hint: 'Wipe it first ("npm run wipe"), or keep the others elsewhere (--state DIR).',
  })
}
