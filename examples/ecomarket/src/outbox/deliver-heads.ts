import type pg from 'pg'
import type { DomainEvent, EventKind } from '../users/domain-event.js'

/** Takes an event to whoever wants it; resolves once they have it. */
export type Send = (event: DomainEvent) => Promise<void>

/** What came of one round. */
export interface Delivery {
  delivered: number
  failed: number
}

const MOST_AT_ONCE = 50

/**
 * The first waiting event of each user, its row locked until the end of the transaction; those that another
 * deliverer has locked are left out. While a head waits nobody sees the event after it as a head, so locking
 * the head holds the whole queue of its user.
 *
 * The pattern: Transactional Outbox (Chris Richardson, microservices.io/patterns/data/transactional-outbox);
 * SKIP LOCKED for "multiple consumers accessing a queue-like table" (PostgreSQL docs, SELECT, "The Locking
 * Clause").
 */
const CLAIM_HEADS = `
select id, user_id as "userId", seq, kind, payload, happened_at as "happenedAt"
from outbox head
where delivered_at is null and try_at <= now() and not exists (
  select from outbox earlier
  where earlier.user_id = head.user_id and earlier.seq < head.seq and earlier.delivered_at is null
)
order by id
limit $1
for update skip locked`

const NOTE_DELIVERED = `
update outbox set delivered_at = now()
from unnest($1::bigint[], $2::bigint[]) as done (user_id, seq)
where outbox.user_id = done.user_id and outbox.seq = done.seq`

/** Twice as long each time, a minute at most. */
const NOTE_FAILED = `
update outbox set tries = tries + 1, try_at = now() + least(interval '100 ms' * 2 ^ least(tries, 10), interval '1 min')
from unnest($1::bigint[], $2::bigint[]) as failed (user_id, seq)
where outbox.user_id = failed.user_id and outbox.seq = failed.seq`

interface Row {
  id: string
  userId: string
  seq: string
  kind: EventKind
  payload: unknown
  happenedAt: Date
}

/**
 * Sends the first waiting event of up to fifty users of one shard, and notes which arrived. Whatever ends this
 * half-way, the deliverer, the connection or the server, gives the locks back, and what was not noted is sent
 * again: at least once. Also two deliverers of which one lost its connection without knowing keep the order,
 * as each begins with what is not noted yet: by its id a consumer leaves out what it has had, and the first
 * time that each event arrives is in order.
 */
export async function deliverHeads(client: pg.Client, send: Send): Promise<Delivery> {
  await client.query('begin')
  try {
    const { rows } = await client.query<Row>(CLAIM_HEADS, [MOST_AT_ONCE])
    const sent = await Promise.allSettled(rows.map((row) => send(eventOf(row))))
    const arrived = rows.filter((_, at) => sent[at]?.status === 'fulfilled')
    const failed = rows.filter((_, at) => sent[at]?.status === 'rejected')
    if (arrived.length > 0) await client.query(NOTE_DELIVERED, keysOf(arrived))
    if (failed.length > 0) await client.query(NOTE_FAILED, keysOf(failed))
    await client.query('commit')
    return { delivered: arrived.length, failed: failed.length }
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

function keysOf(rows: readonly Row[]): [string[], string[]] {
  return [rows.map(({ userId }) => userId), rows.map(({ seq }) => seq)]
}

function eventOf(row: Row): DomainEvent {
  return { ...row, seq: Number(row.seq), happenedAt: row.happenedAt.toISOString() } as DomainEvent
}
