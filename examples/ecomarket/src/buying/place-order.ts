import type pg from 'pg'
import { judgeFailure } from './judge-failure.js'
import type { Purchase } from './purchase.js'

/**
 * How one try ended, as far as the buyer can know.
 *
 * `unplaced` certainly had no effect and may be tried again; `unknown` may have had one and must not.
 */
export type Placing =
  | { kind: 'acknowledged' }
  | { kind: 'out-of-stock' }
  | { kind: 'already-there' }
  | { kind: 'unplaced'; connectionLost: boolean }
  | { kind: 'unknown' }

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
)
insert into order_events (order_id, status) select id, 'placed' from placed`

const EMPTY_CART = `
delete from cart_items where user_id = $1`

/** Tries once to place an order, in one transaction. Throws what points to a bug rather than to a failure. */
export async function placeOrder(client: pg.Client, purchase: Purchase): Promise<Placing> {
  try {
    await client.query('begin')
    if (!(await takeStock(client, purchase))) {
      await client.query('rollback')
      return { kind: 'out-of-stock' }
    }
    await writeOrder(client, purchase)
  } catch (error) {
    // COMMIT was not sent: whatever happened, the server rolls back.
    return await giveUp(client, error)
  }
  return await commit(client)
}

async function takeStock(client: pg.Client, purchase: Purchase): Promise<boolean> {
  for (const { productId, quantity } of purchase.lines) {
    const values = [productId, quantity]
    const { rowCount } = await client.query({ name: 'take-stock', text: TAKE_STOCK, values })
    if (rowCount === 0) return false
  }
  return true
}

async function writeOrder(client: pg.Client, { key, userId, lines }: Purchase): Promise<void> {
  const columns = [lines.map((line) => line.productId), lines.map((line) => line.quantity)]
  await client.query({ name: 'write-order', text: WRITE_ORDER, values: [key, userId, ...columns] })
  await client.query({ name: 'empty-cart', text: EMPTY_CART, values: [userId] })
}

async function giveUp(client: pg.Client, error: unknown): Promise<Placing> {
  const failure = judgeFailure(error)
  if (failure === 'connection-lost') return { kind: 'unplaced', connectionLost: true }
  const rolledBack = await client.query('rollback').then(
    () => true,
    () => false,
  )
  if (failure === 'key-taken') return { kind: 'already-there' }
  if (failure === 'bug') throw error
  return { kind: 'unplaced', connectionLost: !rolledBack }
}

/**
 * From the moment COMMIT is sent only the server's word counts. It is `unknown` without it, and also
 * when it comes with a warning: PostgreSQL says so when it commits here but stopped waiting for standbys.
 */
async function commit(client: pg.Client): Promise<Placing> {
  let warned = false
  const onNotice = (): void => {
    warned = true
  }
  client.on('notice', onNotice)
  try {
    const { command } = await client.query('commit')
    if (command !== 'COMMIT') return { kind: 'unplaced', connectionLost: false }
    return warned ? { kind: 'unknown' } : { kind: 'acknowledged' }
  } catch (error) {
    const failure = judgeFailure(error)
    if (failure === 'connection-lost') return { kind: 'unknown' }
    if (failure === 'bug') throw error
    return { kind: 'unplaced', connectionLost: false }
  } finally {
    client.off('notice', onNotice)
  }
}
