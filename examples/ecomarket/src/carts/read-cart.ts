import type { Consistency, PolicyPool } from '@pgherd/client'
import type { Cart } from './cart.js'

/** A cart as one node has it. */
export interface StoredCart {
  cart: Cart
  /** Which of the changes asked about are in it. */
  includes: ReadonlySet<string>
  /** The node's own word. */
  fromStandby: boolean
}

/** Cart and keys in one statement, so that they belong to the same moment. */
const READ_CART = `
select current_setting('in_hot_standby') = 'on' as "fromStandby",
  (select coalesce(json_agg(json_build_array(product_id, quantity)), '[]')
   from cart_items where user_id = $1) as items,
  array(select key::text from cart_changes where key = any ($2::uuid[])) as keys`

interface CartRow {
  fromStandby: boolean
  items: [productId: number, quantity: number][]
  keys: string[]
}

export async function readCart(
  carts: PolicyPool,
  userId: number,
  changeKeys: readonly string[],
  consistency: Consistency,
): Promise<StoredCart> {
  const values = [userId, changeKeys]
  const { rows } = await carts.query<CartRow>({ text: READ_CART, values, consistency })
  const { fromStandby, items, keys } = rows[0] as CartRow
  return { cart: new Map(items), includes: new Set(keys), fromStandby }
}
