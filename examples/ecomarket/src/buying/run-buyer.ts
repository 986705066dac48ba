import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicyPool, Pool } from '@pgherd/client'
import { orFail, type ReadingCounts } from '../browsing/reading-counts.js'
import type { Carts } from '../carts/carts.js'
import { judgeFailure } from '../judge-failure.js'
import { beginCourse, type OrderJournal, type PurchaseCourse, type PurchaseOutcome } from './order-journal.js'
import { isPlaced, placeOrder } from './place-order.js'
import type { Purchase } from './purchase.js'
import { readOrders } from './read-orders.js'

export interface Buyer {
  pool: Pool
  carts: Carts
  nextPurchase: () => Purchase
  /** How long until the next purchase begins. */
  nextPauseMs: () => number
  journal: OrderJournal
  counts: ReadingCounts
  signal: AbortSignal
}

/** Buys one purchase after another until told to stop. Rejects only for a bug. */
export async function runBuyer(buyer: Buyer): Promise<void> {
  while (!buyer.signal.aborted) {
    const purchase = buyer.nextPurchase()
    // Each is somebody else: they see their own writes and need not wait for those of others.
    await buyer.pool.session(() => fillCartAndBuy(buyer, purchase))
    await sleep(buyer.nextPauseMs())
  }
}

async function fillCartAndBuy(buyer: Buyer, purchase: Purchase): Promise<void> {
  const { pool, carts, journal, counts, signal } = buyer
  const { userId, lines } = purchase
  for (const { productId, quantity } of lines)
    await carts.change({ key: randomUUID(), userId, productId, quantity })
  const course = beginCourse()
  // What is still promised goes into the cart before the order takes it out.
  const outcome = (await carts.whenSaved(userId, signal))
    ? await buy({ inventory: pool.with('inventory'), purchase, course, signal })
    : 'given-up'
  journal.record(purchase, outcome, course)
  if (outcome === 'acknowledged' || outcome === 'looked-up')
    await orFail(counts, lookAtOrders(buyer, purchase))
}

async function lookAtOrders({ pool, counts }: Buyer, { userId, key }: Purchase): Promise<void> {
  const seen = await readOrders(pool, userId)
  counts.orders[seen.fromStandby ? 'standby' : 'primary']++
  if (!seen.keys.includes(key)) counts.stale++
}

export interface Buying {
  inventory: PolicyPool
  purchase: Purchase
  /** Filled as it goes. */
  course: PurchaseCourse
  signal: AbortSignal
}

/** Tries until it is placed or refused, or the run is over. */
export async function buy(buying: Buying): Promise<PurchaseOutcome> {
  const { inventory, purchase, course, signal } = buying
  const onTry = (): void => {
    course.tries++
    course.triedAtMs = performance.now()
  }
  for (;;) {
    try {
      const placing = await placeOrder(inventory, purchase, onTry)
      if (placing.kind === 'out-of-stock') return 'refused'
      course.node = placing.node
      return 'acknowledged'
    } catch (error) {
      const outcome = await judgeTry(buying, error)
      if (outcome !== 'again') return outcome
      if (signal.aborted) return 'given-up'
    }
  }
}

async function judgeTry(
  { inventory, purchase, course, signal }: Buying,
  error: unknown,
): Promise<PurchaseOutcome | 'again'> {
  switch (judgeFailure(error)) {
    case 'passing':
      return 'again'
    case 'unknown':
      course.unknownTries++
      return await lookUp(inventory, purchase, signal)
    case 'key-taken':
      // The server was still at the COMMIT of an earlier try when the buyer looked.
      return course.unknownTries > 0 ? 'looked-up' : 'contradicted'
    case 'bug':
      throw error
  }
}

/** If it is not there, it may be tried again: under the same key it cannot be placed twice. */
async function lookUp(
  inventory: PolicyPool,
  purchase: Purchase,
  signal: AbortSignal,
): Promise<PurchaseOutcome | 'again'> {
  for (;;) {
    try {
      return (await isPlaced(inventory, purchase)) ? 'looked-up' : 'again'
    } catch (error) {
      if (judgeFailure(error) === 'bug') throw error
      if (signal.aborted) return 'unknown'
    }
  }
}
