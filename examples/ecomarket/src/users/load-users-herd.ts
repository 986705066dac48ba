import { readFile } from 'node:fs/promises'
import type { Pool } from '@pgherd/client'
import { PRODUCTS } from '../data/generate-marketplace.js'
import { generateProducts } from '../data/generate-products.js'
import { seededRandom } from '../data/random.js'

const SCHEMA = new URL('../../users.sql', import.meta.url)
const SEED = 42

const INSERT_PRODUCTS = `
insert into products (id, title, price_cents)
select * from unnest($1::integer[], $2::text[], $3::integer[])`

const INSERT_STOCK = `
insert into inventory (product_id, received, stock)
select id, stock, stock from unnest($1::integer[], $2::integer[]) as product (id, stock)`

/**
 * Makes the tables on all groups, and products and stock, where they are not there; says whether it made
 * anything. Each in one transaction over all groups, so that this can be called again after it was cut off.
 */
export async function loadUsersHerd(pool: Pool): Promise<boolean> {
  const areTablesNew = await makeTables(pool)
  const areGoodsNew = await putGoods(pool)
  return areTablesNew || areGoodsNew
}

async function makeTables(pool: Pool): Promise<boolean> {
  const statements = splitStatements(await readFile(SCHEMA, 'utf8'))
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ there: boolean }>(
      `select to_regclass('public.notifications') is not null as there`,
    )
    if (rows[0]?.there) return false
    for (const statement of statements) await tx.query(statement)
    return true
  })
}

async function putGoods(pool: Pool): Promise<boolean> {
  const products = generateProducts(seededRandom(SEED), PRODUCTS)
  const ids = products.map(({ id }) => id)
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query('select from inventory limit 1')
    if (rows.length > 0) return false
    await tx.query(INSERT_STOCK, [ids, products.map(({ stock }) => stock)])
    const columns = [products.map(({ title }) => title), products.map(({ priceCents }) => priceCents)]
    await tx.query(INSERT_PRODUCTS, [ids, ...columns])
    return true
  })
}

/** Changes of the schema go to a sharded herd one by one. The file has no `;` within a statement. */
export function splitStatements(text: string): string[] {
  return text
    .replace(/--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
