import type { PolicyPool } from '@pgherd/client'
import { readServed, type Served } from '../served-read.js'
import type { Trade } from './make-trade.js'

export interface Holding {
  coin: string
  quantity: number
  /** What was paid for what is still held. */
  cost: number
  /** At the latest price; null when there is none. */
  value: number | null
}

export interface Portfolio {
  cash: number
  holdings: Holding[]
  /** The last ones, newest first. */
  trades: Trade[]
}

const READ_PORTFOLIO = `
select
  (select cash from account) as cash,
  coalesce((
    select json_agg(held)
    from (
      select holdings.coin, holdings.quantity, holdings.cost, round(latest.price * holdings.quantity, 2) as value
      from holdings
      left join lateral (
        select price from prices where coin = holdings.coin order by at desc limit 1
      ) latest on true
      where holdings.quantity > 0
      order by value desc nulls last
    ) held
  ), '[]') as holdings,
  coalesce((
    select json_agg(made)
    from (select id, at, side, coin, quantity, price, total from trades order by at desc limit 10) made
  ), '[]') as trades`

/** Everything in one statement, so that cash and holdings are of the same moment. */
export function readPortfolio(pool: PolicyPool): Promise<Served<Portfolio>> {
  return readServed(pool, READ_PORTFOLIO)
}
