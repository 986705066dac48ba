import { FROM_SERVER } from '../protocol/server-messages.js'
import { encodeRequests, type Request } from '../session/batch.js'
import type { Reply, Seat } from '../session/seat.js'
import { type Answered, readAnswer, ServerError } from './replies.js'
import { encodeText } from './unit-messages.js'
import type { Unit } from './units.js'
import type { WireValue } from './wire-values.js'

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

/** Runs a text of ours with these values, whose rows come as text. Rejects as `askUnit` does. */
export async function askWith(seat: Seat, text: string, values: readonly WireValue[]): Promise<Answered> {
  const reply = await seat.exchange(encodeText(text, values, IN_TEXT, true), null)
  const answer = readAnswer(answeredOrThrow(reply, seat))
  return { ...answer, head: answer.head.filter((message) => !OF_PROTOCOL.has(message[0] as number)) }
}

const IN_TEXT = Buffer.from([0, 0])
/** Answers of the extended protocol, that one of the simple one does not have. */
const OF_PROTOCOL: ReadonlySet<number> = new Set([
  FROM_SERVER.parseComplete,
  FROM_SERVER.bindComplete,
  FROM_SERVER.noData,
])
