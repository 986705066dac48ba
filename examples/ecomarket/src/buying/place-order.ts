import type { PolicyPool, Transaction } from '@pgherd/client'
import type { Purchase } from './purchase.js'

/** `node`: which one took it, by its own word. */
export type Placing = { kind: 'placed'; node: string } | { kind: 'out-of-stock' }

/** Takes nothing when there is not enough; the CHECK of the table would refuse it as well. */
const TAKE_STOCK = `
update inventory set stock = stock - $2 where product_id = $1 and stock >= $2`

/** Order, lines and first event in one statement: all see the same prices. */
const WRITE_ORDER = `
with line as (
  select product_id, quantity, product.price_cents
  from unnest($3::integer[], $4::integer[]) as wanted (product_id, quantity)
  join products product on product.id = product_id
), placed as (
  insert into orders (key, user_id, total_cents)
  select $1, $2, sum(quantity * price_cents) from line
  returning id
), lines as (
  insert into order_lines (order_id, product_id, quantity, unit_price_cents)
  select placed.id, product_id, quantity, price_cents from placed, line
), event as (
  insert into order_events (order_id, status) select id, 'placed' from placed
)
select current_setting('cluster_name') as node`

const EMPTY_CART = `
delete from cart_items where user_id = $1`

/**
 * Places an order: stock, order and cart in one transaction. The client begins it again when a failover,
 * a deadlock or the like has certainly undone it; `onTry` hears of each beginning.
 *
 * Throws OUTCOME_UNKNOWN when COMMIT got no answer: then only looking tells, see `isPlaced`. Throws a
 * violation of `orders_key_key` when the order is there already.
 */
export async function placeOrder(
  inventory: PolicyPool,
  purchase: Purchase,
  onTry: () => void = () => {},
): Promise<Placing> {
  const place = async (tx: Transaction): Promise<Placing> => {
    onTry()
    await takeStock(tx, purchase)
    return { kind: 'placed', node: await writeOrder(tx, purchase) }
  }
  try {
    return await inventory.transaction(place, { retry: true })
  } catch (error) {
    if (error instanceof OutOfStock) return { kind: 'out-of-stock' }
    throw error
  }
}

/** Whether the order is in the database, by the word of the primary. */
export async function isPlaced(inventory: PolicyPool, { key }: Purchase): Promise<boolean> {
  const { rows } = await inventory.query('select from orders where key = $1', [key])
  return rows.length > 0
}

/** Leaves the transaction, so that what was taken for earlier lines is rolled back. */
class OutOfStock extends Error {}

async function takeStock(tx: Transaction, { lines }: Purchase): Promise<void> {
  for (const { productId, quantity } of lines) {
    const { rowCount } = await tx.query(TAKE_STOCK, [productId, quantity])
    if (rowCount === 0) throw new OutOfStock()
  }
}

async function writeOrder(tx: Transaction, { key, userId, lines }: Purchase): Promise<string> {
  const columns = [lines.map((line) => line.productId), lines.map((line) => line.quantity)]
  const { rows } = await tx.query<{ node: string }>(WRITE_ORDER, [key, userId, ...columns])
  await tx.query(EMPTY_CART, [userId])
  return rows[0]?.node ?? ''
}
