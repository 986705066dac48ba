import type { JournalEntry } from './order-journal.js'

/** How long buyers waited between "buy" and the answer. */
export interface Pauses {
  medianMs: number
  longestMs: number
  /** Those that a buyer notices: longer than NOTICED_MS. */
  noticed: number
}

export const NOTICED_MS = 250

export function measurePauses(entries: readonly Pick<JournalEntry, 'beganAtMs' | 'answeredAtMs'>[]): Pauses {
  const waits = entries
    .map(({ beganAtMs, answeredAtMs }) => Math.round(answeredAtMs - beganAtMs))
    .sort((a, b) => a - b)
  return {
    medianMs: waits[Math.floor(waits.length / 2)] ?? 0,
    longestMs: waits.at(-1) ?? 0,
    noticed: waits.filter((ms) => ms > NOTICED_MS).length,
  }
}
