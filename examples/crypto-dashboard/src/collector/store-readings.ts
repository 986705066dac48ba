import type { Pool } from '@pgherd/client'
import type { Quote } from '../source/price-source.js'

/** What was read in one second. */
export interface Second {
  atMs: number
  quotes: readonly Quote[]
}

/** Numbers are sent as text, so that `numeric` has the very digits that were read. */
const STORE = `
insert into prices (coin, at, price, volume)
select * from unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[])
on conflict (coin, at) do nothing`

/** Stores seconds on the primary; storing them once more changes nothing. */
export async function storeReadings(pool: Pick<Pool, 'query'>, seconds: readonly Second[]): Promise<void> {
  const rows = seconds.flatMap(({ atMs, quotes }) => {
    const at = new Date(atMs).toISOString()
    return quotes.map((quote) => ({ ...quote, at }))
  })
  await pool.query(STORE, [
    rows.map(({ coin }) => coin),
    rows.map(({ at }) => at),
    rows.map(({ price }) => String(price)),
    rows.map(({ volume }) => String(volume)),
  ])
}
