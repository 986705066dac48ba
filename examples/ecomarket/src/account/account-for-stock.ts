import type { StockAccount } from './account.js'
import type { ProductBalance } from './ledger.js'

/** Unit by unit: what came in is on the shelf or in orders. */
export function accountForStock(products: readonly ProductBalance[]): StockAccount {
  return {
    products: products.length,
    unitsSold: products.reduce((sum, product) => sum + product.ordered, 0),
    mismatched: products.filter(({ received, stock, ordered }) => received !== stock + ordered),
    belowZero: products.filter((product) => product.stock < 0).map((product) => product.id),
  }
}
