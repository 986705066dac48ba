/** Both sides compared. Lists hold the keys of orders, so that each can be looked at. */
export interface Account {
  /** Nothing is wrong. */
  balanced: boolean
  acknowledged: number
  /** Orders of this run in the database. */
  found: number
  /** Acknowledged, and not there. */
  lost: string[]
  /** There more than once, or placed a second time by a try that should have been the first. */
  duplicates: string[]
  /** There, although the buyer was told otherwise. */
  unexpected: string[]
  /** There with other contents than those bought. */
  altered: string[]
  /** COMMIT was sent and no answer came; looked up afterwards. */
  unknown: { tookEffect: string[]; didNot: string[] }
  refused: number
  /** The run ended before a try got as far as COMMIT. */
  givenUp: number
  /** Tries that were made again because they certainly had no effect. */
  repeatedTries: number
  /** Orders whose events do not tell how they came to their status. */
  withoutEvents: string[]
  stock: {
    products: number
    unitsSold: number
    /** Products whose received units are not those in stock and those in orders. */
    mismatched: { id: number; received: number; stock: number; ordered: number }[]
    belowZero: number[]
  }
}
