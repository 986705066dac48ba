import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenConnection, PrimaryConnection } from '../primary-connection.js'
import { fillCart } from './fill-cart.js'
import { judgeFailure } from './judge-failure.js'
import type { OrderJournal, PurchaseOutcome } from './order-journal.js'
import { placeOrder } from './place-order.js'
import type { Purchase } from './purchase.js'

export interface Buyer {
  connection: PrimaryConnection
  nextPurchase: () => Purchase
  /** How long until the next purchase begins. */
  nextPauseMs: () => number
  journal: OrderJournal
  signal: AbortSignal
}

/** Buys one purchase after another until told to stop. Rejects only for a bug. */
export async function runBuyer(buyer: Buyer): Promise<void> {
  while (!buyer.signal.aborted) {
    const purchase = buyer.nextPurchase()
    const { outcome, tries } = await decidePurchase(buyer, purchase)
    buyer.journal.record(purchase, outcome, tries)
    await sleep(buyer.nextPauseMs())
  }
}

/** Tries until it is acknowledged or refused, nobody can know, or the run is over. */
async function decidePurchase(
  buyer: Buyer,
  purchase: Purchase,
): Promise<{ outcome: PurchaseOutcome; tries: number }> {
  for (let tries = 1; ; tries++) {
    const open = await connect(buyer)
    if (open === null) return { outcome: 'given-up', tries: tries - 1 }
    const outcome = await tryPurchase(buyer, open, purchase)
    if (outcome !== 'again') return { outcome, tries }
  }
}

async function tryPurchase(
  { connection, journal }: Buyer,
  open: OpenConnection,
  purchase: Purchase,
): Promise<PurchaseOutcome | 'again'> {
  try {
    await fillCart(open.client, purchase)
  } catch (error) {
    const failure = judgeFailure(error)
    if (failure === 'bug') throw error
    connection.discard()
    return 'again'
  }
  const placing = await placeOrder(open.client, purchase)
  switch (placing.kind) {
    case 'acknowledged':
      journal.announce({
        atMs: performance.now(),
        node: open.node,
        connectionOpenedAtMs: open.openedAtMs,
      })
      return 'acknowledged'
    case 'out-of-stock':
      return 'refused'
    case 'already-there':
      return 'contradicted'
    case 'unknown':
      connection.discard()
      return 'unknown'
    case 'unplaced':
      if (placing.connectionLost) connection.discard()
      return 'again'
  }
}

async function connect({ connection, signal }: Buyer): Promise<OpenConnection | null> {
  try {
    return await connection.get(signal)
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}
