import { FROM_SERVER } from '../protocol/server-messages.js'
import { encodeRequests, type Request } from '../session/batch.js'
import type { Reply, Seat } from '../session/seat.js'
import { type Answered, messagesIn, readAnswer, ServerError } from './replies.js'
import { encodeText, preparing } from './unit-messages.js'
import type { Unit } from './units.js'
import type { WireValue } from './wire-values.js'

/** Runs a unit there as it was asked. Rejects with ServerError, or when the connection is lost. */
export async function askUnit(seat: Seat, { simple, requests, record }: Unit): Promise<Buffer> {
  if (record !== null) noteRun(seat, record.text)
  if (simple === null) return answeredOrThrowWhole(await askRequests(seat, requests), seat)
  return answeredOrThrow(await seat.exchange([simple.message], null), seat)
}

/** Has what a unit prepares prepared, where it is run by other texts than its own. Rejects as `askUnit` does. */
export async function askPreparing(seat: Seat, unit: Unit): Promise<Buffer> {
  const asked = preparing(unit)
  return asked.length === 0 ? Buffer.alloc(0) : answeredOrThrowWhole(await askRequests(seat, asked), seat)
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

export function answeredOrThrow({ bytes, error }: Reply, seat: Seat): Buffer {
  if (error === null) return bytes
  throw refusalOf(error, seat)
}

function refusalOf(report: Buffer, { place: { group } }: Seat): ServerError {
  const refusal = new ServerError(report)
  refusal.message += ` (on ${group})`
  return refusal
}

/** The client hears also of what was answered before the error. */
function answeredOrThrowWhole(reply: Reply, seat: Seat): Buffer {
  if (reply.error === null) return reply.bytes
  const messages = messagesIn(reply.bytes)
  const failedAt = messages.findIndex(([type]) => type === FROM_SERVER.error)
  throw failureAfter(Buffer.concat(messages.slice(0, failedAt)), refusalOf(reply.error, seat))
}

/** The same failure, of which the client hears after `before`. */
export function failureAfter(before: Buffer, failure: unknown): unknown {
  if (failure instanceof ServerError) failure.before = before
  return failure
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
