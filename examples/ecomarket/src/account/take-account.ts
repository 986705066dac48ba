import type { JournalEntry } from '../buying/order-journal.js'
import type { CartEntry } from '../carts/cart-journal.js'
import type { Account } from './account.js'
import { accountForCarts } from './account-for-carts.js'
import { accountForOrders } from './account-for-orders.js'
import { accountForStock } from './account-for-stock.js'
import type { Ledger, Opening } from './ledger.js'

/** What people were told, in the order in which it came about. */
export interface Told {
  orders: readonly JournalEntry[]
  carts: readonly CartEntry[]
}

/**
 * Compares what people were told with what the database holds. Neither side is trusted to be right:
 * whatever one has and the other denies is listed, and then the account does not balance.
 */
export function takeAccount(told: Told, opening: Pick<Opening, 'carts'>, ledger: Ledger): Account {
  const orders = accountForOrders(told.orders, ledger.orders)
  const stock = accountForStock(ledger.products)
  const buyers = new Set(told.orders.map(({ purchase }) => purchase.userId))
  const carts = accountForCarts(told.carts, buyers, opening.carts, ledger)
  const wrong = [
    ...[orders.lost, orders.duplicates, orders.unexpected, orders.altered, orders.withoutEvents],
    ...[stock.mismatched, stock.belowZero],
    ...[carts.lost, carts.unexpected, carts.outOfOrder, carts.differing],
  ]
  return { balanced: wrong.every((list) => list.length === 0), orders, stock, carts }
}
