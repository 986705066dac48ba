/** What a coin costs at a moment. */
export interface Quote {
  coin: string
  /** In dollars; above 0. */
  price: number
  /** What was traded in the second before, in dollars. */
  volume: number
}

/** All that a source told when it was asked once. */
export interface Reading {
  quotes: readonly Quote[]
  /** What was wrong with the rest of it, one sentence each. */
  complaints: readonly string[]
}

/** Where prices come from. */
export interface PriceSource {
  /** For people. */
  readonly name: string
  /** The prices at `atMs`, a whole second. Throws SourceError when there are none. */
  read(atMs: number, signal: AbortSignal): Promise<Reading>
}

/** The source gave no prices, and why; it is asked again later. */
export class SourceError extends Error {
  /** How long it wants to be left alone; null where it did not say. */
  readonly retryAfterMs: number | null

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number | null } = {}) {
    super(message, options)
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}
