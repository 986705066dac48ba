import { encodeRequests, type Request } from '../session/batch.js'
import type { Reply, Seat } from '../session/seat.js'
import { ServerError } from './replies.js'
import type { Unit } from './units.js'

/** Runs a unit there as it was asked. Rejects with ServerError, or when the connection is lost. */
export async function askUnit(seat: Seat, { simple, requests, record }: Unit): Promise<Buffer> {
  if (record !== null) noteRun(seat, record.text)
  const reply =
    simple === null ? await askRequests(seat, requests) : await seat.exchange([simple.message], null)
  return answeredOrThrow(reply, seat)
}

/** Asks for messages of the extended protocol, with a Sync. */
export function askRequests(seat: Seat, requests: readonly Request[]): Promise<Reply> {
  const { own } = seat
  const { parts, script, prepares } = encodeRequests(requests, own?.prepared ?? new Set(), {
    sync: true,
    failed: false,
  })
  for (const statement of prepares) own?.prepared.add(statement)
  return seat.exchange(parts, script)
}

/** What a text leaves there is judged by what that group has under its names. */
export function noteRun(seat: Seat, text: string): void {
  if (seat.own !== null) seat.traces.note(seat.own, [seat.place.book.look(text)], false)
}

export function answeredOrThrow({ bytes, error }: Reply, { place: { group } }: Seat): Buffer {
  if (error === null) return bytes
  const refusal = new ServerError(error)
  refusal.message += ` (on ${group})`
  throw refusal
}
