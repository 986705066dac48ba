import { randomUUID } from 'node:crypto'
import { type Random, wholeBetween } from '../data/random.js'
import { weightedChoice, zipfChoice } from '../data/weighted-choice.js'
import type { Purchase } from './purchase.js'

/** Popular things are bought more often, but not as steeply as words are used. */
const POPULARITY_EXPONENT = 0.8
/** Shares of orders with 1, 2, 3 and 4 lines. */
const LINES = [40, 30, 20, 10]
/** Shares of lines with 1, 2 and 3 units. */
const QUANTITIES = [70, 20, 10]

export interface Shoppers {
  /** Product ids, the most popular first. */
  productsByRank: readonly number[]
  userIds: readonly number[]
}

/**
 * What the buyers behind one connection want, one purchase after another. Seeded but for the keys,
 * which must differ from those of earlier runs on the same data.
 */
export function purchaseChooser(random: Random, { productsByRank, userIds }: Shoppers): () => Purchase {
  const chooseRank = zipfChoice(productsByRank.length, POPULARITY_EXPONENT)
  const chooseLines = weightedChoice(LINES)
  const chooseQuantity = weightedChoice(QUANTITIES)
  return () => {
    const userId = userIds[wholeBetween(random, 0, userIds.length - 1)] as number
    const quantities = new Map<number, number>()
    for (let line = chooseLines(random); line >= 0; line--) {
      quantities.set(productsByRank[chooseRank(random)] as number, chooseQuantity(random) + 1)
    }
    const lines = [...quantities]
      .map(([productId, quantity]) => ({ productId, quantity }))
      .sort((a, b) => a.productId - b.productId)
    return { key: randomUUID(), userId, lines }
  }
}
