/** Both sides compared. Lists hold the keys of orders and changes, so that each can be looked at. */
export interface Account {
  /** Nothing is wrong. */
  balanced: boolean
  orders: OrderAccount
  stock: StockAccount
  carts: CartAccount
}

export interface OrderAccount {
  acknowledged: number
  /** Orders of this run in the database. */
  found: number
  /** The buyer was told that it is placed, and it is not there. */
  lost: string[]
  /** There more than once, or placed a second time by a try that should have been the first. */
  duplicates: string[]
  /** There, although the buyer was told otherwise. */
  unexpected: string[]
  /** There with other contents than those bought. */
  altered: string[]
  /** COMMITs that got no answer; looked up by the buyer, or afterwards. */
  unknown: { tookEffect: number; didNot: number }
  refused: number
  /** The run ended before a try got as far as COMMIT. */
  givenUp: number
  /** Tries that were made again because they certainly had no effect. */
  repeatedTries: number
  /** Orders whose events do not tell how they came to their status. */
  withoutEvents: string[]
}

export interface StockAccount {
  products: number
  unitsReceived: number
  unitsInStock: number
  unitsSold: number
  /** Products whose received units are not those in stock and those in orders. */
  mismatched: { id: number; received: number; stock: number; ordered: number }[]
  belowZero: number[]
}

export interface CartAccount {
  /** Changes whose users were told that they are saved. */
  saved: number
  /** Changes whose users were told "we will save this". */
  promised: number
  /** How long the longest of those took. */
  longestPromiseMs: number
  /** Told either, and not there. */
  lost: string[]
  /** There, and nobody made them. */
  unexpected: string[]
  /** Users whose changes were not saved in the order they made them, each once. */
  outOfOrder: number[]
  /** Users who bought nothing, and whose cart is not what their changes make of it. */
  differing: number[]
  /** Tries that were cut off; the next one found the key, or not. */
  unknown: { tookEffect: number; didNot: number }
}
