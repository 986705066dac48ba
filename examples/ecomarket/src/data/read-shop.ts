import type { Pool } from '@pgherd/client'

/** Who can buy and what there is. */
export interface Shop {
  userIds: readonly number[]
  /** The most popular first. */
  productsByRank: readonly number[]
  categories: readonly string[]
}

export async function readShop(pool: Pool): Promise<Shop> {
  const { rows } = await pool.query<Shop>(`
    select array(select id from users order by id) as "userIds",
      array(select id from products order by popularity_rank) as "productsByRank",
      array(select distinct category from products order by category) as categories`)
  return rows[0] as Shop
}
