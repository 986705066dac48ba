import type { Pool, Transaction } from '@pgherd/client'
import type { Carts, FoundChange, FoundOrder, Ledger, Opening, ProductBalance } from './ledger.js'

/** Ids only grow; a failover may leave a gap. */
const READ_LAST_IDS = `
select (select coalesce(max(id), 0)::text from orders) as "lastOrderId",
  (select coalesce(max(id), 0)::text from cart_changes) as "lastChangeId"`

const READ_ORDERS = `
select orders.key::text as key, orders.user_id as "userId", orders.status::text as status,
  (select coalesce(json_agg(line order by line."productId"), '[]')
   from (select product_id as "productId", quantity from order_lines where order_id = orders.id) line) as lines,
  array(select status::text from order_events where order_id = orders.id order by id) as events
from orders
where orders.id > $1::bigint`

const READ_PRODUCTS = `
select product_id as id, received, stock,
  (select coalesce(sum(quantity), 0)::integer from order_lines line
   where line.product_id = inventory.product_id) as ordered
from inventory order by product_id`

const READ_CHANGES = `
select key::text as key, user_id as "userId" from cart_changes where id > $1::bigint order by id`

const READ_CARTS = `
select user_id as "userId", json_agg(json_build_array(product_id, quantity)) as items
from cart_items group by user_id`

export async function readOpening(pool: Pool): Promise<Opening> {
  return await inOneSnapshot(pool, async (tx) => {
    const { rows } = await tx.query<Omit<Opening, 'carts'>>(READ_LAST_IDS)
    return { ...(rows[0] as Omit<Opening, 'carts'>), carts: await readCarts(tx) }
  })
}

/** Everything in one snapshot, so that orders and stock belong together. */
export async function readLedger(pool: Pool, { lastOrderId, lastChangeId }: Opening): Promise<Ledger> {
  return await inOneSnapshot(pool, async (tx) => {
    const orders = await tx.query<FoundOrder>(READ_ORDERS, [lastOrderId])
    const products = await tx.query<ProductBalance>(READ_PRODUCTS)
    const changes = await tx.query<FoundChange>(READ_CHANGES, [lastChangeId])
    return {
      orders: orders.rows,
      products: products.rows,
      cartChanges: changes.rows,
      carts: await readCarts(tx),
    }
  })
}

/** On the primary: the account is about what is there, not about what a standby has heard of. */
function inOneSnapshot<T>(pool: Pool, read: (tx: Transaction) => Promise<T>): Promise<T> {
  return pool
    .with('inventory')
    .transaction(read, { isolation: 'repeatable read', readOnly: true, retry: true })
}

async function readCarts(tx: Transaction): Promise<Carts> {
  const { rows } = await tx.query<{ userId: number; items: [number, number][] }>(READ_CARTS)
  return new Map(rows.map(({ userId, items }) => [userId, new Map(items)]))
}
