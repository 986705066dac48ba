import type { Pool } from '@pgherd/client'
import type { DomainEvent } from '../users/domain-event.js'

/** Does nothing when the event has been here before: the deliverer sends each at least once. */
const WRITE_NOTIFICATION = `
insert into notifications (event_id, user_id, seq, text) values ($1, $2, $3, $4)
on conflict (event_id) do nothing`

/** What a user is told. */
export interface Notification {
  eventId: string
  seq: number
  text: string
}

/** The consumer: makes a notification of each event. Says whether the event was new. */
export async function receiveEvent(pool: Pool, event: DomainEvent): Promise<boolean> {
  const values = [event.id, event.userId, event.seq, tellEvent(event)]
  const { rowCount } = await pool.query(WRITE_NOTIFICATION, values)
  return rowCount === 1
}

/** In the order in which they arrived. */
export async function readNotifications(pool: Pool, userId: string): Promise<Notification[]> {
  const { rows } = await pool.query<Omit<Notification, 'seq'> & { seq: string }>(
    `select event_id as "eventId", seq, text from notifications where user_id = $1 order by arrival limit 1000`,
    [userId],
  )
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }))
}

function tellEvent({ kind, payload }: DomainEvent): string {
  switch (kind) {
    case 'UserRegistered':
      return `Welcome, ${payload.name}.`
    case 'ProfileChanged':
      return `You changed your ${Object.keys(payload).join(' and ')}.`
    case 'AddressAdded':
      return `We can deliver to ${payload.street}, ${payload.city} now.`
    case 'OrderPlaced':
      return `Your order of ${payload.lines.length} products is placed.`
  }
}
