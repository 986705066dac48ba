import type { PolicyPool } from '@pgherd/client'

/** One product as the catalogue shows it. */
export interface CatalogueRow {
  id: number
  title: string
  priceCents: number
  inStock: boolean
}

export interface CataloguePage {
  rows: readonly CatalogueRow[]
  /** Whether the server that answered was a standby: its own word, at that moment. */
  fromStandby: boolean
}

/** The last row seen; the next page begins behind it. */
export interface PagePosition {
  priceCents: number
  id: number
}

export const FIRST_PAGE: PagePosition = { priceCents: 0, id: 0 }
export const ROWS_PER_PAGE = 24

/** Keyset pagination: a page costs the same however deep it lies, and none is shown twice or left out. */
const READ_PAGE = `
select current_setting('in_hot_standby') = 'on' as "fromStandby", coalesce(json_agg(page), '[]') as rows
from (
  select product.id, product.title, product.price_cents as "priceCents", inventory.stock > 0 as "inStock"
  from products product join inventory on inventory.product_id = product.id
  where product.category = $1 and (product.price_cents, product.id) > ($2, $3)
  order by product.price_cents, product.id
  limit ${ROWS_PER_PAGE}
) page`

export async function readCataloguePage(
  catalogue: PolicyPool,
  category: string,
  after: PagePosition,
): Promise<CataloguePage> {
  const values = [category, after.priceCents, after.id]
  const { rows } = await catalogue.query<CataloguePage>(READ_PAGE, values)
  return rows[0] as CataloguePage
}
