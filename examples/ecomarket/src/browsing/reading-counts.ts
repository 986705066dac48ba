import { judgeFailure } from '../judge-failure.js'

/** What readers counted, over all of them. */
export interface ReadingCounts {
  /** Who answered: the nodes' own word. */
  pages: { standby: number; primary: number }
  carts: { standby: number; primary: number }
  orders: { standby: number; primary: number }
  /** Carts shown while no primary could say how far a standby must be to have all that was saved. */
  cartsMaybeBehind: number
  /** Carts and orders in which the reader did not find what they had done. Never right. */
  stale: number
  /** The reader saw an error. */
  failed: number
}

export function startCounting(): ReadingCounts {
  return {
    pages: { standby: 0, primary: 0 },
    carts: { standby: 0, primary: 0 },
    orders: { standby: 0, primary: 0 },
    cartsMaybeBehind: 0,
    stale: 0,
    failed: 0,
  }
}

/** Null, and counted, when no node answered in time. Rejects only for a bug. */
export async function orFail<T>(counts: ReadingCounts, reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (judgeFailure(error) === 'bug') throw error
    counts.failed++
    return null
  }
}
