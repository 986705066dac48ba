/** What the database holds after a run: its side of the account. */
export interface Ledger {
  /** Those of this run. */
  orders: readonly FoundOrder[]
  /** All of them, over all runs. */
  products: readonly ProductBalance[]
}

export interface FoundOrder {
  key: string
  units: number
  status: string
  /** The statuses its events tell, in their order. */
  events: readonly string[]
}

export interface ProductBalance {
  id: number
  received: number
  stock: number
  /** Units in all orders that were ever placed. */
  ordered: number
}
