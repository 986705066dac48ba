import { HerdError, type Pool } from '@pgherd/client'
import { CartJournal } from './cart-journal.js'
import { Carts } from './carts.js'
import type { PromiseFile } from './promise-file.js'

const PATIENCE_MS = 30_000

/**
 * Saves what an earlier process promised and did not come to save; says how many changes the file held.
 * Those that are saved already are found by their keys and left alone. Throws OPERATION_FAILED.
 */
export async function keepOldPromises(pool: Pool, promises: PromiseFile): Promise<number> {
  if (promises.left.length === 0) return 0
  const carts = new Carts(pool, new CartJournal(), promises)
  await Promise.all(promises.left.map((change) => carts.change(change)))
  if (!(await carts.close(PATIENCE_MS))) {
    const message = 'Cart changes that an earlier run promised cannot be saved.'
    throw new HerdError('OPERATION_FAILED', message, { hint: 'They stay on disk; run it again.' })
  }
  return promises.left.length
}
