import type { Consistency, Pool } from '@pgherd/client'
import type { DomainEvent, EventKind } from './domain-event.js'
import { unknownUser } from './problem.js'

/** A user as the service shows one. */
export interface UserSeen {
  id: string
  email: string
  name: string
  city: string
  country: string
  /** How many events there were. */
  version: number
  /** ISO 8601. */
  createdAt: string
  addresses: { id: string; street: string; postalCode: string; city: string; country: string }[]
}

const READ_USER = `
select id, email, name, city, country, version, created_at as "createdAt",
  (select coalesce(json_agg(json_build_object('id', addresses.id::text, 'street', street,
      'postalCode', postal_code, 'city', addresses.city, 'country', addresses.country)
      order by addresses.id), '[]')
   from addresses where user_id = users.id) as addresses
from users where id = $1`

type Row = Omit<UserSeen, 'version' | 'createdAt'> & { version: string; createdAt: Date }

/** Throws `user-unknown`. */
export async function readUser(pool: Pool, userId: string): Promise<UserSeen> {
  const { rows } = await pool.query<Row>(READ_USER, [userId])
  if (rows[0] === undefined) throw unknownUser(userId)
  const { version, createdAt, ...rest } = rows[0]
  return { ...rest, version: Number(version), createdAt: createdAt.toISOString() }
}

/** For what is empty: nobody's, or nobody's there. Throws `user-unknown`. */
export async function requireUser(
  pool: Pool,
  userId: string,
  consistency: Consistency = 'session',
): Promise<void> {
  const text = 'select from users where id = $1'
  const { rows } = await pool.query({ text, values: [userId], consistency })
  if (rows.length === 0) throw unknownUser(userId)
}

const READ_EVENTS = `
select id, user_id as "userId", seq, kind, payload, happened_at as "happenedAt",
  delivered_at is not null as "isDelivered"
from outbox where user_id = $1
order by seq desc limit 100`

/** An event as the outbox has it. */
export type EventSeen = DomainEvent & { isDelivered: boolean }

interface EventRow {
  id: string
  userId: string
  seq: string
  kind: EventKind
  payload: unknown
  happenedAt: Date
  isDelivered: boolean
}

/** The latest hundred, the latest first. Throws `user-unknown`. */
export async function readEvents(pool: Pool, userId: string): Promise<EventSeen[]> {
  const { rows } = await pool.query<EventRow>(READ_EVENTS, [userId])
  if (rows.length === 0) throw unknownUser(userId)
  return rows.map(
    (row) => ({ ...row, seq: Number(row.seq), happenedAt: row.happenedAt.toISOString() }) as EventSeen,
  )
}
