import { generateProducts } from './generate-products.js'
import { generateUsers } from './generate-users.js'
import type { Product } from './product.js'
import { seededRandom } from './random.js'
import type { User } from './user.js'

export interface Marketplace {
  users: User[]
  products: Product[]
}

export const USERS = 10_000
export const PRODUCTS = 1000

/** All there is before the first order; the same seed gives the same bytes. */
export function generateMarketplace(seed: number): Marketplace {
  const random = seededRandom(seed)
  return { users: generateUsers(random, USERS), products: generateProducts(random, PRODUCTS) }
}
