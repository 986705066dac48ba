/** Statements that were run, the newest last. */
export type History = readonly string[]

const KEPT = 100
const KEY = 'pgherd.sql.history'

/** The same statement again moves to the end. */
export function remember(history: History, text: string): History {
  return [...history.filter((each) => each !== text), text].slice(-KEPT)
}

/**
 * Which statement is shown after a step into the past (-1) or back (+1); `at` counts from the end, 0 being what
 * is written just now.
 */
export function stepInto(history: History, at: number, step: -1 | 1): number {
  return Math.max(0, Math.min(history.length, at - step))
}

export function readHistory(): History {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

export function keepHistory(history: History): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(history))
  } catch {
    // The browser's place is full: the history is then only of this page.
  }
}
