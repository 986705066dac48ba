import { type Consistency, HerdError, type Pool } from '@pgherd/client'
import { violates } from './constraint.js'
import { Problem, unknownUser } from './problem.js'
import { requireUser } from './read-user.js'

/** What somebody means to buy. */
export interface CartSeen {
  items: { productId: number; title: string; priceCents: number; quantity: number }[]
  /** No primary was there to ask: something they have just changed may be missing. */
  mayBeBehind: boolean
}

const PUT_ITEM = `
insert into cart_items (user_id, product_id, quantity) values ($1, $2, $3)
on conflict (user_id, product_id) do update set quantity = excluded.quantity`

const TAKE_OUT = `
delete from cart_items where user_id = $1 and product_id = $2`

const READ_CART = `
select product_id as "productId", title, price_cents as "priceCents", quantity
from cart_items join products on products.id = product_id
where user_id = $1 order by product_id`

/** `quantity` 0 takes the product out. Throws `user-unknown`, `product-unknown`. */
export async function changeCart(
  pool: Pool,
  userId: string,
  productId: number,
  quantity: number,
): Promise<void> {
  const carts = pool.with('carts')
  try {
    if (quantity === 0) await carts.query(TAKE_OUT, [userId, productId])
    else await carts.query(PUT_ITEM, [userId, productId, quantity])
  } catch (error) {
    if (violates(error, 'cart_items_user_id_fkey')) throw unknownUser(userId)
    if (violates(error, 'cart_items_product_id_fkey'))
      throw new Problem('product-unknown', `Product ${productId} is not sold here.`)
    throw error
  }
}

/** With all that was saved here; without a primary, as a standby has it. Throws `user-unknown`. */
export async function readCart(pool: Pool, userId: string): Promise<CartSeen> {
  try {
    return { items: await readItems(pool, userId, 'session'), mayBeBehind: false }
  } catch (error) {
    if (!(error instanceof HerdError && error.retryable)) throw error
    return { items: await readItems(pool, userId, 'eventual'), mayBeBehind: true }
  }
}

async function readItems(pool: Pool, userId: string, consistency: Consistency): Promise<CartSeen['items']> {
  const text = READ_CART
  const { rows } = await pool
    .with('carts')
    .query<CartSeen['items'][0]>({ text, values: [userId], consistency })
  if (rows.length === 0) await requireUser(pool, userId, consistency)
  return rows
}
