import { randomBytes } from 'node:crypto'
import type { Pool } from '@pgherd/client'

const USERS = 2000
const ROWS_AT_ONCE = 250
const COLUMNS = 5

/** Takes what `pg.Pool` takes. */
export interface Database {
  query(text: string, values?: unknown[]): Promise<unknown>
}

/** Ids of new users. */
export async function newUserIds(pool: Pool): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < USERS) ids.push(String(await pool.nextId()))
  return ids
}

/** Puts users there for the time of the load. They have no claim on an address of email and no events. */
export async function putUsers(database: Database, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
    const rows = ids.slice(at, at + ROWS_AT_ONCE)
    const places = rows.map((_, row) => {
      const first = row * COLUMNS
      return `(${Array.from({ length: COLUMNS }, (_, column) => `$${first + column + 1}`).join(', ')})`
    })
    await database.query(
      `insert into users (id, email, name, city, country) values ${places.join(', ')}`,
      rows.flatMap((id) => [id, `load-${id}@load.invalid`, 'Load', 'Load', 'XX']),
    )
  }
}

/** Takes them away again, with what the load wrote of them. */
export async function removeUsers(database: Database, ids: readonly string[]): Promise<void> {
  for (const table of ['outbox', 'users']) {
    const key = table === 'users' ? 'id' : 'user_id'
    await database.query(`delete from ${table} where ${key} = any ($1::bigint[])`, [ids])
  }
}

/** One that is not there yet: 62 bits of chance. */
export function newEventId(): string {
  return String(randomBytes(8).readBigUInt64BE() >> 2n)
}
