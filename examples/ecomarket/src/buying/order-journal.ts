import { type Purchase, unitsOf } from './purchase.js'

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

/** How it went, beside how it ended. */
export interface PurchaseTries {
  /** How often the transaction was begun. */
  tries: number
  /** How often its COMMIT got no answer. */
  unknownTries: number
  /** From "buy" to the answer. */
  waitedMs: number
}

export interface JournalEntry extends PurchaseTries {
  key: string
  userId: number
  units: number
  outcome: PurchaseOutcome
}

export interface Acknowledgement {
  atMs: number
  /** The node that took the order: its own word. */
  node: string
}

/** What all buyers were told: their side of the account. It is never read back from the database. */
export class OrderJournal {
  readonly #entries: JournalEntry[] = []
  readonly #listeners = new Set<(acknowledgement: Acknowledgement) => void>()

  get entries(): readonly JournalEntry[] {
    return this.#entries
  }

  record(purchase: Purchase, outcome: PurchaseOutcome, tries: PurchaseTries): void {
    const { key, userId } = purchase
    this.#entries.push({ key, userId, units: unitsOf(purchase), outcome, ...tries })
  }

  /** Tells those who wait for the marketplace to sell again. */
  announce(acknowledgement: Acknowledgement): void {
    for (const listener of this.#listeners) listener(acknowledgement)
  }

  /**
   * The first order from now on that another node than `before` acknowledges.
   * Rejects when `signal` fires, or when there is none for `timeoutMs`.
   */
  async nextAcknowledged(before: string, timeoutMs: number, signal: AbortSignal): Promise<Acknowledgement> {
    signal.throwIfAborted()
    const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    return await new Promise((resolve, reject) => {
      const listener = (acknowledgement: Acknowledgement): void => {
        if (acknowledgement.node === before) return
        this.#listeners.delete(listener)
        resolve(acknowledgement)
      }
      this.#listeners.add(listener)
      ended.addEventListener('abort', () => {
        this.#listeners.delete(listener)
        const silence = `No node but ${before} acknowledged an order for ${timeoutMs} ms.`
        reject(signal.aborted ? signal.reason : new Error(silence))
      })
    })
  }
}
