import type { PurchaseLine } from '../buying/purchase.js'
import type { Cart } from '../carts/cart.js'

/** What the database holds after a run: its side of the account. */
export interface Ledger {
  /** Those of this run. */
  orders: readonly FoundOrder[]
  /** All of them, over all runs. */
  products: readonly ProductBalance[]
  /** Those of this run, in the order in which they were saved. */
  cartChanges: readonly FoundChange[]
  carts: Carts
}

/** What is there before a run begins. */
export interface Opening {
  lastOrderId: string
  lastChangeId: string
  carts: Carts
}

/** By user id. */
export type Carts = ReadonlyMap<number, Cart>

export interface FoundOrder {
  key: string
  userId: number
  /** By product id, ascending. */
  lines: readonly PurchaseLine[]
  status: string
  /** The statuses its events tell, in their order. */
  events: readonly string[]
}

export interface FoundChange {
  key: string
  userId: number
}

export interface ProductBalance {
  id: number
  received: number
  stock: number
  /** Units in all orders that were ever placed. */
  ordered: number
}
