import type { Seat } from '../session/seat.js'
import type { SessionParts } from './session-parts.js'
import { askOn } from './transaction-part.js'

/**
 * Does something on the federation's connection, outside of the transaction, when that has been told what the
 * session and its transaction have set. `used`: gets its seat.
 */
export async function visitFederation<T>(
  { host, seats, transaction }: SessionParts,
  used: Set<Seat>,
  work: (seat: Seat) => Promise<T>,
): Promise<T> {
  transaction.checkFederated()
  const seat = await seats.federation()
  used.add(seat)
  const wasFree = seat.own === null
  if (wasFree) await host.take(seat)
  const { surroundings } = transaction
  try {
    if (seat.own !== null && surroundings.length > 0) seat.own.traced = seat.own.tainted = true
    for (const text of surroundings) await askOn(seat, text)
    return await work(seat)
  } finally {
    if (wasFree && (surroundings.length > 0 || !seat.traces.keeps)) seat.release()
  }
}
