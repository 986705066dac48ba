import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicyPool } from '@pgherd/client'
import { judgeFailure } from '../judge-failure.js'

const EVERY_MS = 1000
const UNITS = 50

/** Rows are locked in the order in which orders take stock, so that neither waits for the other. */
const REFILL = `
with sold_out as (select product_id from inventory where stock = 0 order by product_id for update)
update inventory set received = received + $1, stock = stock + $1
from sold_out where inventory.product_id = sold_out.product_id`

/** The supplier: what is sold out comes in again, until `signal` fires. Rejects only for a bug. */
export async function refillStock(inventory: PolicyPool, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await inventory.query(REFILL, [UNITS])
    } catch (error) {
      // Nor does an unknown outcome need a look: what was filled is not sold out any more.
      if (judgeFailure(error) === 'bug') throw error
    }
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
  }
}
