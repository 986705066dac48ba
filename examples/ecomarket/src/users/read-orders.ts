import type { Pool } from '@pgherd/client'
import { requireUser } from './read-user.js'

/** An order as it was placed. */
export interface PlacedOrder {
  id: string
  key: string
  totalCents: number
  /** ISO 8601. */
  placedAt: string
  lines: { productId: number; title: string; quantity: number; unitPriceCents: number }[]
}

const READ_ORDERS = `
select orders.id, key, total_cents as "totalCents", placed_at as "placedAt",
  json_agg(json_build_object('productId', product_id, 'title', title, 'quantity', quantity,
    'unitPriceCents', unit_price_cents) order by product_id) as lines
from orders
join order_lines on order_lines.user_id = orders.user_id and order_id = orders.id
join products on products.id = product_id
where orders.user_id = $1 and ($2::uuid is null or key = $2)
group by orders.user_id, orders.id
order by orders.id desc
limit $3`

const MOST_ORDERS = 100

type Row = Omit<PlacedOrder, 'totalCents' | 'placedAt'> & { totalCents: string; placedAt: Date }

/** The latest hundred, the latest first. Throws `user-unknown`. */
export async function readOrders(pool: Pool, userId: string): Promise<PlacedOrder[]> {
  const orders = await read(pool, userId, null)
  if (orders.length === 0) await requireUser(pool, userId)
  return orders
}

/** Null: there is none under this key. */
export async function readOrder(pool: Pool, userId: string, key: string): Promise<PlacedOrder | null> {
  return (await read(pool, userId, key))[0] ?? null
}

async function read(pool: Pool, userId: string, key: string | null): Promise<PlacedOrder[]> {
  const { rows } = await pool.query<Row>(READ_ORDERS, [userId, key, MOST_ORDERS])
  return rows.map((row) => ({
    ...row,
    totalCents: Number(row.totalCents),
    placedAt: row.placedAt.toISOString(),
  }))
}
