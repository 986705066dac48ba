import type { Pool } from '@pgherd/client'

/** Where each price stood last, by symbol. */
export async function readLastPrices(pool: Pool): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ coin: string; price: number }>({
    text: `
      select coins.symbol as coin, latest.price::float8 as price
      from coins
      cross join lateral (
        select price from prices where coin = coins.symbol order by at desc limit 1
      ) latest`,
    consistency: 'primary',
  })
  return new Map(rows.map(({ coin, price }) => [coin, price]))
}
