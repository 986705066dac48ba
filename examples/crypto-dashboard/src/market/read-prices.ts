import type { PolicyPool } from '@pgherd/client'
import { readServed, type Served } from '../served-read.js'

/** A coin as it was last seen. All but its names is null before there is a price. */
export interface PriceRow {
  coin: string
  name: string
  price: number | null
  at: string | null
  /** Traded in the last second, in dollars. */
  volume: number | null
  /** The first price of the last hour. */
  priceBefore: number | null
}

const READ_PRICES = `
select coins.symbol as coin, coins.name, latest.price, latest.at, latest.volume, earlier.price as "priceBefore"
from coins
left join lateral (
  select price, at, volume from prices where coin = coins.symbol order by at desc limit 1
) latest on true
left join lateral (
  select price from prices
  where coin = coins.symbol and at >= latest.at - interval '1 hour'
  order by at limit 1
) earlier on true
order by coins.position`

export function readPrices(market: PolicyPool): Promise<Served<PriceRow>> {
  return readServed(market, READ_PRICES)
}
