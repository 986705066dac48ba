import type { Pool } from '@pgherd/client'

export interface UserListed {
  id: string
  email: string
  name: string
  country: string
}

/** A read over all shards waits for the slowest of them, and not for ever. */
const PATIENCE_MS = 3000

const LIST_USERS = `
select id, email, name, country from users where id > $1 order by id limit $2`

const COUNT_COUNTRIES = `
select country, count(*) as users from users group by country order by country`

/** A page of all users in the order of their ids, from every shard. `after`: the last id of the page before. */
export async function listUsers(pool: Pool, after: string, limit: number): Promise<UserListed[]> {
  const { rows } = await pool.query<UserListed>({
    text: LIST_USERS,
    values: [after, limit],
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  return rows
}

/** How many users live where. */
export async function countCountries(pool: Pool): Promise<{ country: string; users: number }[]> {
  const { rows } = await pool.query<{ country: string; users: string }>({
    text: COUNT_COUNTRIES,
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  return rows.map(({ country, users }) => ({ country, users: Number(users) }))
}
