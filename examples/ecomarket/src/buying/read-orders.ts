import type { Pool } from '@pgherd/client'

/** The latest orders of somebody, as one node has them. */
export interface SeenOrders {
  keys: readonly string[]
  /** The node's own word. */
  fromStandby: boolean
}

const SHOWN = 10

const READ_ORDERS = `
select current_setting('in_hot_standby') = 'on' as "fromStandby",
  array(select key::text from orders where user_id = $1 order by placed_at desc limit ${SHOWN}) as keys`

/** What the page "my orders" shows: from a standby that has what this session ordered, or right after an order from the primary. */
export async function readOrders(pool: Pool, userId: number): Promise<SeenOrders> {
  const { rows } = await pool.query<SeenOrders>(READ_ORDERS, [userId])
  return rows[0] as SeenOrders
}
