import type { StockAccount } from './account.js'
import type { ProductBalance } from './ledger.js'

/** Unit by unit: what came in is on the shelf or in orders. */
export function accountForStock(products: readonly ProductBalance[]): StockAccount {
  const units = (column: 'received' | 'stock' | 'ordered'): number =>
    products.reduce((sum, product) => sum + product[column], 0)
  return {
    products: products.length,
    unitsReceived: units('received'),
    unitsInStock: units('stock'),
    unitsSold: units('ordered'),
    mismatched: products.filter(({ received, stock, ordered }) => received !== stock + ordered),
    belowZero: products.filter((product) => product.stock < 0).map((product) => product.id),
  }
}
