/** What is in a cart: units by product id. */
export type Cart = ReadonlyMap<number, number>

/** One thing that somebody does to their cart. */
export interface CartChange {
  /** A UUID made before the first try, so that it is never done twice. */
  key: string
  userId: number
  productId: number
  /** Units put in; 0 takes the product out. */
  quantity: number
}

/** As the schema says. */
const MOST_UNITS = 99

export const EMPTY_CART: Cart = new Map()

/** The cart after these changes, in this order: what the database makes of them too. */
export function applyChanges(cart: Cart, changes: readonly CartChange[]): Cart {
  const after = new Map(cart)
  for (const { productId, quantity } of changes) {
    if (quantity === 0) after.delete(productId)
    else after.set(productId, Math.min(MOST_UNITS, (after.get(productId) ?? 0) + quantity))
  }
  return after
}

export function isSameCart(a: Cart, b: Cart): boolean {
  return a.size === b.size && [...a].every(([productId, units]) => b.get(productId) === units)
}
