import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicyPool } from '@pgherd/client'
import { applyChanges, type Cart, isSameCart } from '../carts/cart.js'
import type { Carts } from '../carts/carts.js'
import { pick, type Random, wholeBetween } from '../data/random.js'
import { type CataloguePage, FIRST_PAGE, ROWS_PER_PAGE, readCataloguePage } from './catalogue-page.js'
import { orFail, type ReadingCounts } from './reading-counts.js'

/** Somebody who leafs through the catalogue and puts things in a cart, and takes some out again. */
export interface Visitor {
  userId: number
  /** As they left it. */
  cart: Cart
  catalogue: PolicyPool
  carts: Carts
  categories: readonly string[]
  random: Random
  nextPauseMs: () => number
  counts: ReadingCounts
  signal: AbortSignal
}

const LEAF_ON_SHARE = 0.7
const CART_SHARE = 0.15
const FULL_CART = 6

/** Leafs through the catalogue, category after category, until told to stop. Rejects only for a bug. */
export async function runVisitor(visitor: Visitor): Promise<void> {
  while (!visitor.signal.aborted) await leafThrough(visitor, pick(visitor.random, visitor.categories))
}

async function leafThrough(visitor: Visitor, category: string): Promise<void> {
  const { random, counts, signal } = visitor
  let position = FIRST_PAGE
  while (!signal.aborted) {
    const page = await orFail(counts, readPage(visitor, category, position))
    const last = page?.rows.at(-1)
    if (page !== null && last !== undefined && random() < CART_SHARE) {
      await changeCart(visitor, pick(random, page.rows).id)
      await orFail(counts, lookAtCart(visitor))
    }
    await sleep(visitor.nextPauseMs())
    if (last === undefined || page?.rows.length !== ROWS_PER_PAGE || random() > LEAF_ON_SHARE) return
    position = last
  }
}

async function readPage(
  { catalogue, counts }: Visitor,
  category: string,
  after: { priceCents: number; id: number },
): Promise<CataloguePage> {
  const page = await readCataloguePage(catalogue, category, after)
  counts.pages[page.fromStandby ? 'standby' : 'primary']++
  return page
}

async function changeCart(visitor: Visitor, productId: number): Promise<void> {
  const { userId, carts, random, cart } = visitor
  const change =
    cart.size < FULL_CART
      ? { key: randomUUID(), userId, productId, quantity: wholeBetween(random, 1, 3) }
      : { key: randomUUID(), userId, productId: pick(random, [...cart.keys()]), quantity: 0 }
  visitor.cart = applyChanges(cart, [change])
  await carts.change(change)
}

async function lookAtCart({ userId, carts, cart, counts }: Visitor): Promise<void> {
  const seen = await carts.read(userId)
  counts.carts[seen.fromStandby ? 'standby' : 'primary']++
  if (seen.mayBeBehind) counts.cartsMaybeBehind++
  else if (!isSameCart(seen.cart, cart)) counts.stale++
}
