import type pg from 'pg'
import type { FoundOrder, Ledger, ProductBalance } from './ledger.js'

/** The last order of earlier runs; ids only grow, a failover may leave a gap. */
export async function lastOrderId(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select coalesce(max(id), 0)::text as id from orders')
  return rows[0]?.id ?? '0'
}

const READ_ORDERS = `
select orders.key::text as key, orders.status::text as status,
  (select coalesce(sum(quantity), 0)::integer from order_lines where order_id = orders.id) as units,
  array(select status::text from order_events where order_id = orders.id order by id) as events
from orders
where orders.id > $1::bigint`

const READ_PRODUCTS = `
select product_id as id, received, stock,
  (select coalesce(sum(quantity), 0)::integer from order_lines line
   where line.product_id = inventory.product_id) as ordered
from inventory order by product_id`

/** Everything in one snapshot, so that orders and stock belong together. */
export async function readLedger(client: pg.Client, afterOrderId: string): Promise<Ledger> {
  await client.query('begin isolation level repeatable read read only')
  const orders = await client.query<FoundOrder>(READ_ORDERS, [afterOrderId])
  const products = await client.query<ProductBalance>(READ_PRODUCTS)
  await client.query('commit')
  return { orders: orders.rows, products: products.rows }
}
