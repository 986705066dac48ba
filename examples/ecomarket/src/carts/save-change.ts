import type { PolicyPool } from '@pgherd/client'
import type { CartChange } from './cart.js'

/** The key and what it does to the cart in one statement: there is never one without the other. */
const SAVE_CHANGE = `
with change as (
  insert into cart_changes (key, user_id, product_id, quantity) values ($1, $2, $3, $4)
  on conflict (key) do nothing
  returning user_id, product_id, quantity
), taken_out as (
  delete from cart_items item using change
  where change.quantity = 0 and (item.user_id, item.product_id) = (change.user_id, change.product_id)
), put_in as (
  insert into cart_items (user_id, product_id, quantity)
  select user_id, product_id, quantity from change where quantity > 0
  on conflict (user_id, product_id) do update
  set quantity = least(99, cart_items.quantity + excluded.quantity)
)
select count(*) = 1 as fresh from change`

/**
 * Saves a change unless it is there. `there-already`: an earlier try of it had taken effect.
 *
 * Said again it changes nothing, even while an earlier try is still under way in the server: the second
 * one waits for the key of the first. So saying it again is how one looks whether it was saved.
 */
export async function saveChange(
  pool: Pick<PolicyPool, 'query'>,
  { key, userId, productId, quantity }: CartChange,
): Promise<'saved' | 'there-already'> {
  const { rows } = await pool.query<{ fresh: boolean }>(SAVE_CHANGE, [key, userId, productId, quantity])
  return rows[0]?.fresh ? 'saved' : 'there-already'
}
