import { HerdError, type PolicyPool, type Transaction } from '@pgherd/client'
import { Problem } from '../http/problem.js'

/** What somebody wants to buy or sell. */
export interface TradeOrder {
  /** Made by whoever asks, so that asking again trades once. */
  id: string
  side: 'buy' | 'sell'
  coin: string
  /** A decimal number, as text: `0.25`. */
  quantity: string
}

/** A trade as it was made. */
export interface Trade {
  id: string
  at: string
  side: 'buy' | 'sell'
  coin: string
  quantity: number
  price: number
  total: number
}

const READ_TRADE = `
select current_setting('cluster_name') as node, json_build_object(
  'id', id, 'at', at, 'side', side, 'coin', coin, 'quantity', quantity, 'price', price, 'total', total
) as trade, quantity = $2::numeric as "hasSameQuantity"
from trades where id = $1`

/** A trade and the node that wrote it, which is a primary: no other takes writes. */
export interface TradeMade {
  node: string
  role: 'primary'
  trade: Trade
}

/** A price is good to trade at for a minute. */
const READ_PRICE = `
select price, round(price * $2::numeric, 2) as total from prices
where coin = $1 and at > now() - interval '1 minute'
order by at desc limit 1`

const BUY = `
insert into holdings (coin, quantity, cost) values ($1, $2, $3)
on conflict (coin) do update
set quantity = holdings.quantity + excluded.quantity, cost = holdings.cost + excluded.cost`

/** What is sold takes its part of what was paid with it. */
const SELL = `
update holdings
set quantity = quantity - $2::numeric, cost = round(cost * (quantity - $2::numeric) / quantity, 2)
where coin = $1 and quantity >= $2::numeric`

/**
 * Buys or sells at the latest price, in one transaction on the primary. The same order again gives the same trade,
 * also when the answer to its first COMMIT was lost.
 *
 * Throws Problem: coin-unknown, price-missing, cash-short, coins-short, trade-too-small, trade-differs.
 */
export async function makeTrade(pool: PolicyPool, order: TradeOrder): Promise<TradeMade> {
  const attempt = () => pool.transaction((tx) => trade(tx, order), { retry: true })
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof HerdError) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return attempt()
  }
}

async function trade(tx: Transaction, order: TradeOrder): Promise<TradeMade> {
  // Trades come one after the other, and each sees what the one before left.
  await tx.query('select from account for update')
  const made = await readTrade(tx, order)
  if (made !== null) return made
  const { price, total } = await readPrice(tx, order)
  if (Number(total) === 0) {
    throw new Problem('trade-too-small', `${order.quantity} ${order.coin} is worth less than a cent.`)
  }
  if (order.side === 'buy') await pay(tx, order, total)
  else await sell(tx, order, total)
  await tx.query(
    'insert into trades (id, side, coin, quantity, price, total) values ($1, $2, $3, $4, $5, $6)',
    [order.id, order.side, order.coin, order.quantity, price, total],
  )
  return (await readTrade(tx, order)) as TradeMade
}

async function readTrade(tx: Transaction, order: TradeOrder): Promise<TradeMade | null> {
  const { rows } = await tx.query<{ node: string; trade: Trade; hasSameQuantity: boolean }>(READ_TRADE, [
    order.id,
    order.quantity,
  ])
  const found = rows[0]
  if (found === undefined) return null
  const isSame = found.hasSameQuantity && found.trade.side === order.side && found.trade.coin === order.coin
  if (isSame) return { node: found.node, role: 'primary', trade: found.trade }
  throw new Problem('trade-differs', `The trade ${order.id} is another one: ${describe(found.trade)}.`)
}

async function readPrice(
  tx: Transaction,
  { coin, quantity }: TradeOrder,
): Promise<{ price: string; total: string }> {
  const { rowCount } = await tx.query('select from coins where symbol = $1', [coin])
  if (rowCount === 0) throw new Problem('coin-unknown', `There is no coin "${coin}".`)
  const { rows } = await tx.query<{ price: string; total: string }>(READ_PRICE, [coin, quantity])
  if (rows[0] !== undefined) return rows[0]
  throw new Problem('price-missing', `There is no price of ${coin} from the last minute.`)
}

async function pay(tx: Transaction, { coin, quantity }: TradeOrder, total: string): Promise<void> {
  const { rowCount } = await tx.query('update account set cash = cash - $1 where cash >= $1', [total])
  if (rowCount === 0) {
    const { rows } = await tx.query<{ cash: string }>('select cash from account')
    throw new Problem('cash-short', `${quantity} ${coin} costs $${total}; there is $${rows[0]?.cash}.`)
  }
  await tx.query(BUY, [coin, quantity, total])
}

async function sell(tx: Transaction, { coin, quantity }: TradeOrder, total: string): Promise<void> {
  const { rowCount } = await tx.query(SELL, [coin, quantity])
  if (rowCount === 0) {
    const { rows } = await tx.query<{ quantity: string }>('select quantity from holdings where coin = $1', [
      coin,
    ])
    throw new Problem(
      'coins-short',
      `${quantity} ${coin} cannot be sold; there is ${rows[0]?.quantity ?? 0}.`,
    )
  }
  await tx.query('update account set cash = cash + $1', [total])
}

function describe({ side, quantity, coin }: Trade): string {
  return `${side} ${quantity} ${coin}`
}
