import type pg from 'pg'
import type { Purchase } from './purchase.js'

/**
 * The cart then holds just this. Said twice it leaves the same cart: it may be repeated even when its
 * outcome is unknown.
 */
const FILL_CART = `
with put_back as (
  delete from cart_items where user_id = $1 and product_id <> all ($2)
)
insert into cart_items (user_id, product_id, quantity)
select $1, line.product_id, line.quantity
from unnest($2::integer[], $3::integer[]) as line (product_id, quantity)
on conflict (user_id, product_id) do update set quantity = excluded.quantity`

export async function fillCart(client: pg.Client, { userId, lines }: Purchase): Promise<void> {
  const values = [userId, lines.map((line) => line.productId), lines.map((line) => line.quantity)]
  await client.query({ name: 'fill-cart', text: FILL_CART, values })
}
