import type { Pool, Transaction } from '@pgherd/client'
import { violates } from './constraint.js'
import type { DomainEvents } from './domain-event.js'
import { Problem, unknownUser } from './problem.js'
import { type PlacedOrder, readOrder } from './read-orders.js'
import { writeOnce } from './write-once.js'

/** What somebody wants. The key is made by the buyer before the first try; no product is in it twice. */
export interface Wanted {
  userId: string
  key: string
  lines: { productId: number; quantity: number }[]
}

/** On the user's shard, prices from its own copy of the products. No order when one of these is missing. */
const WRITE_ORDER = `
with line as (
  select product_id, quantity, price_cents
  from unnest($4::integer[], $5::integer[]) as wanted (product_id, quantity)
  join products on products.id = product_id
), changed as (
  update users set version = version + 1 where id = $1 returning version
), placed as (
  insert into orders (user_id, id, key, total_cents)
  select $1, $2, $3, sum(quantity * price_cents) from line
  having count(*) = cardinality($4::integer[]) and exists (select from changed)
  returning id
), lines as (
  insert into order_lines (user_id, order_id, product_id, quantity, unit_price_cents)
  select $1, $2, product_id, quantity, price_cents from placed, line
), emptied as (
  delete from cart_items where user_id = $1 and product_id = any ($4::integer[])
), event as (
  insert into outbox (user_id, seq, id, kind, payload)
  select $1, version, $6, 'OrderPlaced', $7 from changed, placed
)
select exists (select from changed) as "userIsKnown", exists (select from placed) as "isPlaced"`

/** In the home group. Takes nothing when there is not enough. */
const TAKE_STOCK = `
update inventory set stock = stock - $2 where product_id = $1 and stock >= $2`

/**
 * Places an order, or finds it where it was placed under its key before. Order and event are on the user's
 * shard, the stock is in home: both change or neither, by two-phase commit. Home comes last, since everybody
 * wants the same products, and a shard that hangs must not keep them locked.
 *
 * Throws `user-unknown`, `product-unknown`, `out-of-stock`, `order-differs`.
 */
export async function orderGoods(
  pool: Pool,
  wanted: Wanted,
): Promise<{ order: PlacedOrder; isNew: boolean }> {
  const before = await readOrder(pool, wanted.userId, wanted.key)
  if (before !== null) return { order: sameGoods(before, wanted), isNew: false }
  const isNew = await placeNew(pool, wanted)
  const order = await readOrder(pool, wanted.userId, wanted.key)
  if (order === null) throw new Error(`Order ${wanted.key} is gone.`)
  return { order: sameGoods(order, wanted), isNew }
}

/** False: somebody placed it meanwhile. */
async function placeNew(pool: Pool, wanted: Wanted): Promise<boolean> {
  const { userId, key } = wanted
  const orderId = String(await pool.nextId())
  const eventId = String(await pool.nextId())
  // Everybody takes products in the same order, so that nobody waits for one another in a circle.
  const lines = wanted.lines.toSorted((one, other) => one.productId - other.productId)
  const payload: DomainEvents['OrderPlaced'] = { orderId, key, lines }
  const columns = [lines.map(({ productId }) => productId), lines.map(({ quantity }) => quantity)]
  const place = async (tx: Transaction): Promise<void> => {
    const values = [userId, orderId, key, ...columns, eventId, payload]
    const { rows } = await tx.query<{ userIsKnown: boolean; isPlaced: boolean }>(WRITE_ORDER, values)
    if (!rows[0]?.userIsKnown) throw unknownUser(userId)
    if (!rows[0].isPlaced) throw new Problem('product-unknown', 'One of these products is not sold here.')
    for (const { productId, quantity } of lines) await takeStock(tx, productId, quantity)
  }
  try {
    const inventory = pool.with('inventory')
    await writeOnce(pool, { userId, eventId }, () => inventory.transaction(place, { retry: true }))
    return true
  } catch (error) {
    if (violates(error, 'orders_user_id_key_key')) return false
    throw error
  }
}

async function takeStock(tx: Transaction, productId: number, quantity: number): Promise<void> {
  const { rowCount } = await tx.query(TAKE_STOCK, [productId, quantity])
  if (rowCount === 0)
    throw new Problem('out-of-stock', `Fewer than ${quantity} of product ${productId} are left.`)
}

function sameGoods(order: PlacedOrder, { lines }: Wanted): PlacedOrder {
  const wanted = new Map(lines.map(({ productId, quantity }) => [productId, quantity]))
  const isSame =
    order.lines.length === wanted.size &&
    order.lines.every(({ productId, quantity }) => wanted.get(productId) === quantity)
  if (isSame) return order
  throw new Problem('order-differs', `Order ${order.key} was placed with other goods.`)
}
