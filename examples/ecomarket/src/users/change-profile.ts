import type { Pool, Transaction } from '@pgherd/client'
import type { DomainEvents } from './domain-event.js'
import { unknownUser } from './problem.js'
import { claimEmail } from './register-user.js'
import { writeOnce } from './write-once.js'

export type ProfileChange = DomainEvents['ProfileChanged']

/** The user and the event in one statement, on one shard, with one commit. */
const CHANGE_PROFILE = `
with changed as (
  update users
  set email = coalesce($2, email), name = coalesce($3, name), city = coalesce($4, city),
    country = coalesce($5, country), version = version + 1
  where id = $1
  returning version
)
insert into outbox (user_id, seq, id, kind, payload)
select $1, version, $6, 'ProfileChanged', $7 from changed`

const LOCK_USER = `
select email from users where id = $1 for update`

const RELEASE_EMAIL = `
delete from emails where email = $1 and user_id = $2`

/** Changes what is given. Throws `user-unknown`, `email-taken`. */
export async function changeProfile(pool: Pool, userId: string, change: ProfileChange): Promise<void> {
  const eventId = String(await pool.nextId())
  const { email, name, city, country } = change
  const values = [userId, email, name, city, country, eventId, change]
  const changeEmail = async (tx: Transaction, wanted: string): Promise<void> => {
    const { rows } = await tx.query<{ email: string }>(LOCK_USER, [userId])
    if (rows[0] === undefined) throw unknownUser(userId)
    await tx.query(CHANGE_PROFILE, values)
    if (rows[0].email === wanted) return
    await claimEmail(tx, wanted, userId)
    await tx.query(RELEASE_EMAIL, [rows[0].email, userId])
  }
  await writeOnce(pool, { userId, eventId }, async () => {
    if (email !== undefined) await pool.transaction((tx) => changeEmail(tx, email), { retry: true })
    else if ((await pool.query(CHANGE_PROFILE, values)).rowCount === 0) throw unknownUser(userId)
  })
}
