import type { Pool, Transaction } from '@pgherd/client'
import { violates } from './constraint.js'
import type { DomainEvents } from './domain-event.js'
import { Problem } from './problem.js'
import { writeOnce } from './write-once.js'

export type Registration = DomainEvents['UserRegistered']

const CLAIM_EMAIL = `
insert into emails (email, user_id) values ($1, $2)`

const WRITE_USER = `
with registered as (
  insert into users (id, email, name, city, country) values ($1, $2, $3, $4, $5)
)
insert into outbox (user_id, seq, id, kind, payload) values ($1, 1, $6, 'UserRegistered', $7)`

/**
 * Registers a user and returns the new id. The claim on the address of email is on the shard of the address,
 * the user on the shard of the id: both or none, by two-phase commit where these are two.
 *
 * Throws `email-taken`.
 */
export async function registerUser(pool: Pool, registration: Registration): Promise<string> {
  const userId = String(await pool.nextId())
  const eventId = String(await pool.nextId())
  const { email, name, city, country } = registration
  const register = async (tx: Transaction): Promise<void> => {
    await claimEmail(tx, email, userId)
    await tx.query(WRITE_USER, [userId, email, name, city, country, eventId, registration])
  }
  await writeOnce(pool, { userId, eventId }, () => pool.transaction(register, { retry: true }))
  return userId
}

/** Waits for whoever claims the same address just now. Throws `email-taken`. */
export async function claimEmail(tx: Transaction, email: string, userId: string): Promise<void> {
  try {
    await tx.query(CLAIM_EMAIL, [email, userId])
  } catch (error) {
    if (violates(error, 'emails_pkey')) throw new Problem('email-taken', `${email} belongs to another user.`)
    throw error
  }
}
