import { readFile } from 'node:fs/promises'
import type { Pool } from '@pgherd/client'
import { COINS } from './coins.js'

const SCHEMA = new URL('../schema.sql', import.meta.url)

/** Makes the tables where they are not there, all or none. */
export async function makeSchema(pool: Pool): Promise<void> {
  const schema = await readFile(SCHEMA, 'utf8')
  await pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ there: boolean }>(`select to_regclass('starts') is not null as there`)
    if (rows[0]?.there) return
    await tx.query(schema)
    await tx.query(
      `insert into coins (symbol, name, position)
       select symbol, name, position from unnest($1::text[], $2::text[]) with ordinality coin (symbol, name, position)`,
      [COINS.map(({ symbol }) => symbol), COINS.map(({ name }) => name)],
    )
  })
}
