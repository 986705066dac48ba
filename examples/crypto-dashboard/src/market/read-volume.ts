import type { PolicyPool } from '@pgherd/client'
import { readServed, type Served } from '../served-read.js'

export const WINDOWS = { '5m': 300, '1h': 3600, '24h': 86_400 } as const
export type Window = keyof typeof WINDOWS

/** What was traded of a coin, in dollars. */
export interface VolumeRow {
  coin: string
  volume: number
}

/** The window ends with the last price there is, so that it also says something after a break. */
const READ_VOLUME = `
select coins.symbol as coin, coalesce(sum(prices.volume), 0) as volume
from coins
left join prices on prices.coin = coins.symbol
  and prices.at > (
    select max(latest.at) from coins of
    cross join lateral (select at from prices where coin = of.symbol order by at desc limit 1) latest
  ) - make_interval(secs => $1)
group by coins.symbol, coins.position
order by volume desc, coins.position`

export function readVolume(market: PolicyPool, window: Window): Promise<Served<VolumeRow>> {
  return readServed(market, READ_VOLUME, [WINDOWS[window]])
}
