import type { Purchase } from './purchase.js'

/**
 * What a buyer was told in the end.
 *
 * - `acknowledged`: the order is placed; it must be found afterwards.
 * - `looked-up`: the answer to COMMIT did not come; the buyer looked, and the order is placed.
 * - `unknown`: nobody could look before the run ended; the account does.
 * - `refused`: not enough in stock; nothing must be found.
 * - `given-up`: the run ended before a try got as far as COMMIT; nothing must be found.
 * - `contradicted`: a try that was held to have had no effect had one. Never right.
 */
export type PurchaseOutcome =
  | 'acknowledged'
  | 'looked-up'
  | 'unknown'
  | 'refused'
  | 'given-up'
  | 'contradicted'

/** How it went, beside how it ended. Times are those of `performance.now()`. */
export interface PurchaseCourse {
  /** How often the transaction was begun. */
  tries: number
  /** How often its COMMIT got no answer. */
  unknownTries: number
  /** When the buyer said "buy". */
  beganAtMs: number
  /** When the last transaction was begun. */
  triedAtMs: number
  answeredAtMs: number
  /** The node that took the order, by its own word. */
  node: string | null
}

export interface JournalEntry extends PurchaseCourse {
  purchase: Purchase
  outcome: PurchaseOutcome
}

export function beginCourse(): PurchaseCourse {
  const beganAtMs = performance.now()
  return { tries: 0, unknownTries: 0, beganAtMs, triedAtMs: beganAtMs, answeredAtMs: beganAtMs, node: null }
}

/** What all buyers were told: their side of the account. It is never read back from the database. */
export class OrderJournal {
  readonly #entries: JournalEntry[] = []

  /** In the order in which they ended. */
  get entries(): readonly JournalEntry[] {
    return this.#entries
  }

  record(purchase: Purchase, outcome: PurchaseOutcome, course: PurchaseCourse): void {
    this.#entries.push({ ...course, purchase, outcome, answeredAtMs: performance.now() })
  }
}
