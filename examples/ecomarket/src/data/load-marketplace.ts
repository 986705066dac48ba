import { readFile } from 'node:fs/promises'
import type { Pool, Transaction } from '@pgherd/client'
import { generateMarketplace, type Marketplace } from './generate-marketplace.js'

const SCHEMA = new URL('../../schema.sql', import.meta.url)

/**
 * Makes the schema and its data if they are not there; says whether it did. All in one transaction:
 * a load that was cut off leaves nothing, and this can be called again.
 */
export async function loadMarketplace(pool: Pool, seed: number): Promise<boolean> {
  const loaded = await pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ there: boolean }>(
      `select to_regclass('public.products') is not null as there`,
    )
    if (rows[0]?.there) return false
    await tx.query(await readFile(SCHEMA, 'utf8'))
    await insertAll(tx, generateMarketplace(seed))
    return true
  })
  if (loaded) await pool.query('analyze')
  return loaded
}

/** One statement a table: an array for each column is the shortest way for many rows. */
async function insertAll(tx: Transaction, { users, products }: Marketplace): Promise<void> {
  await tx.query(
    `insert into users (id, email, name, city, country, created_at)
     select * from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])`,
    columns(users, ['id', 'email', 'name', 'city', 'country', 'createdAt']),
  )
  await tx.query(
    `insert into products (id, category, title, price_cents, popularity_rank, created_at)
     select * from unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::timestamptz[])`,
    columns(products, ['id', 'category', 'title', 'priceCents', 'popularityRank', 'createdAt']),
  )
  await tx.query(
    `insert into inventory (product_id, received, stock)
     select id, stock, stock from unnest($1::integer[], $2::integer[]) as product (id, stock)`,
    columns(products, ['id', 'stock']),
  )
}

function columns<Row>(rows: readonly Row[], names: readonly (keyof Row)[]): unknown[][] {
  return names.map((name) => rows.map((row) => row[name]))
}
