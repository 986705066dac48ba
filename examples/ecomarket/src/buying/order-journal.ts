import { type Purchase, unitsOf } from './purchase.js'

/**
 * What a buyer was told in the end.
 *
 * - `acknowledged`: the order is placed; it must be found afterwards.
 * - `unknown`: the answer to COMMIT did not come; it is looked up afterwards.
 * - `refused`: not enough in stock; nothing must be found.
 * - `given-up`: the run ended before a try got as far as COMMIT; nothing must be found.
 * - `contradicted`: a try that was held to have had no effect had one. Never right.
 */
export type PurchaseOutcome = 'acknowledged' | 'unknown' | 'refused' | 'given-up' | 'contradicted'

export interface JournalEntry {
  key: string
  units: number
  outcome: PurchaseOutcome
  /** How often it was tried. */
  tries: number
}

export interface Acknowledgement {
  atMs: number
  node: string
  connectionOpenedAtMs: number
}

/** What all buyers were told: their side of the account. It is never read back from the database. */
export class OrderJournal {
  readonly #entries: JournalEntry[] = []
  readonly #listeners = new Set<(acknowledgement: Acknowledgement) => void>()

  get entries(): readonly JournalEntry[] {
    return this.#entries
  }

  record(purchase: Purchase, outcome: PurchaseOutcome, tries: number): void {
    this.#entries.push({ key: purchase.key, units: unitsOf(purchase), outcome, tries })
  }

  /** Tells those who wait for the marketplace to sell again. */
  announce(acknowledgement: Acknowledgement): void {
    for (const listener of this.#listeners) listener(acknowledgement)
  }

  /**
   * The first order acknowledged from now on over a connection that was opened after `openedAfterMs`.
   * Rejects when `signal` fires, or when there is none for `timeoutMs`.
   */
  async nextAcknowledged(
    openedAfterMs: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Acknowledgement> {
    signal.throwIfAborted()
    const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    return await new Promise((resolve, reject) => {
      const listener = (acknowledgement: Acknowledgement): void => {
        if (acknowledgement.connectionOpenedAtMs <= openedAfterMs) return
        this.#listeners.delete(listener)
        resolve(acknowledgement)
      }
      this.#listeners.add(listener)
      ended.addEventListener('abort', () => {
        this.#listeners.delete(listener)
        reject(signal.aborted ? signal.reason : new Error(`No order was acknowledged for ${timeoutMs} ms.`))
      })
    })
  }
}
