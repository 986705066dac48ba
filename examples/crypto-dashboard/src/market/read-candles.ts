import type { PolicyPool } from '@pgherd/client'
import { readServed, type Served } from '../served-read.js'

export const INTERVALS = { '1m': 60, '5m': 300, '1h': 3600 } as const
export type Interval = keyof typeof INTERVALS

/** Many enough for a wide screen; a candle of an hour is made of 3,600 prices. */
export const MOST_CANDLES = 240

/** What a coin did in one interval. Intervals without a price have no candle. */
export interface Candle {
  at: string
  open: number
  high: number
  low: number
  close: number
  volume: number
  /** How many prices it is made of. */
  prices: number
}

const READ_CANDLES = `
select
  date_bin(make_interval(secs => $2), at, timestamptz '2000-01-01 00:00:00Z') as at,
  (array_agg(price order by at))[1] as open,
  max(price) as high,
  min(price) as low,
  (array_agg(price order by at desc))[1] as close,
  sum(volume) as volume,
  count(*) as prices
from prices
where coin = $1 and at >= $3 and at < $4
group by date_bin(make_interval(secs => $2), at, timestamptz '2000-01-01 00:00:00Z')
order by 1`

/** Candles of one coin, oldest first, those that begin from `from` on, which is moved to where a candle begins. */
export function readCandles(
  market: PolicyPool,
  coin: string,
  interval: Interval,
  from: Date,
): Promise<Served<Candle>> {
  const seconds = INTERVALS[interval]
  const ms = seconds * 1000
  const begin = Math.ceil(from.getTime() / ms) * ms
  const end = begin + MOST_CANDLES * ms
  return readServed(market, READ_CANDLES, [coin, seconds, new Date(begin), new Date(end)])
}
