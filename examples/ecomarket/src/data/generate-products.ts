import { CATEGORIES, type Category, MAKERS } from './goods.js'
import type { Product } from './product.js'
import { bellShaped, type Random, shuffled, wholeBetween } from './random.js'

const OPENED_MS = Date.UTC(2021, 2, 1)
const DAY_MS = 86_400_000

/** How much the most popular product has in stock, and how that falls with the rank. */
const MOST_STOCK = 800
const LEAST_STOCK = 15
const STOCK_EXPONENT = 0.6

interface Title {
  category: string
  title: string
  priceCents: number
}

/** `count` products with ids from 1, spread over the categories by weight; no two share a title. */
export function generateProducts(random: Random, count: number): Product[] {
  const titles = shuffled(random, chooseTitles(random, count))
  const ranks = shuffled(
    random,
    titles.map((_, index) => index + 1),
  )
  return titles.map((title, index): Product => {
    const popularityRank = ranks[index] as number
    return {
      id: index + 1,
      ...title,
      popularityRank,
      stock: stockFor(random, popularityRank),
      createdAt: new Date(OPENED_MS + wholeBetween(random, 0, 1700) * DAY_MS).toISOString(),
    }
  })
}

function chooseTitles(random: Random, count: number): Title[] {
  const totalWeight = CATEGORIES.reduce((sum, category) => sum + category.weight, 0)
  const full = CATEGORIES.flatMap((category) => {
    const share = Math.ceil((count * category.weight) / totalWeight)
    return shuffled(random, allTitles(random, category)).slice(0, share)
  })
  if (full.length < count) throw new RangeError(`There are titles for ${full.length} products, not ${count}.`)
  return shuffled(random, full).slice(0, count)
}

/** Every maker's every version of every good, each quality by whom it suits. */
function allTitles(random: Random, { name, qualities, goods }: Category): Title[] {
  return goods.flatMap((good) =>
    MAKERS.flatMap((maker) => {
      const [quality] = shuffled(random, qualities)
      const makersPrice = good.usualPriceCents * Math.exp(0.2 * bellShaped(random))
      return good.versions.map((version, index) => ({
        category: name,
        title: `${maker} ${quality} ${good.noun}, ${version}`,
        priceCents: shopPrice(makersPrice * 1.6 ** (index - (good.versions.length - 1) / 2)),
      }))
    }),
  )
}

/** Shops end their prices in 5 or 9. */
function shopPrice(cents: number): number {
  const tens = Math.max(10, Math.round(cents / 10)) * 10
  return tens - (tens < 2000 ? 1 : 5)
}

/** A shop stocks what sells, and guesses: by up to a half too little or too much. */
function stockFor(random: Random, rank: number): number {
  const guess = 0.5 + random()
  return Math.round(LEAST_STOCK + (MOST_STOCK - LEAST_STOCK) * rank ** -STOCK_EXPONENT * guess)
}
