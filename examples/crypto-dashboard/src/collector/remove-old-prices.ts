import type { Pool } from '@pgherd/client'

const ROWS_AT_ONCE = 5000

/** A few rows at a time, so that neither a lock nor the standby's replay holds anybody up. */
const REMOVE = `
delete from prices where (coin, at) in (
  select coin, at from prices where at < $1 order by at limit ${ROWS_AT_ONCE}
)`

/** Removes prices from before `before`; resolves to how many. Only ever called when somebody set `--keep-hours`. */
export async function removeOldPrices(pool: Pool, before: Date): Promise<number> {
  let removed = 0
  for (;;) {
    const { rowCount } = await pool.query(REMOVE, [before])
    removed += rowCount ?? 0
    if ((rowCount ?? 0) < ROWS_AT_ONCE) return removed
  }
}
