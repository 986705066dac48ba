import type { CartChange } from './cart.js'

export interface CartEntry {
  readonly change: CartChange
  /** `promised`: "we will save this". Null: the user was told nothing before the run ended. */
  told: 'saved' | 'promised' | null
  /** From the change until it was saved; null: it was not. */
  savedAfterMs: number | null
  /** Tries that were cut off so that nobody knew whether they took effect. */
  unknownTries: number
  /** One of them had. */
  tookEffect: boolean
}

/** What users did to their carts, in their order, and what they were told. Never read back from the database. */
export class CartJournal {
  readonly #entries: CartEntry[] = []

  get entries(): readonly CartEntry[] {
    return this.#entries
  }

  begin(change: CartChange): CartEntry {
    const entry = { change, told: null, savedAfterMs: null, unknownTries: 0, tookEffect: false }
    this.#entries.push(entry)
    return entry
  }
}
