import type { PartClient } from '@pgherd/client/internal'
import { makeQuery } from '../protocol/client-messages.js'
import { FROM_SERVER } from '../protocol/server-messages.js'
import type { Reply, Seat } from '../session/seat.js'
import { isUnreplicated, messagesIn, ServerError } from './replies.js'
import { readColumns, readTexts, type WireColumn } from './wire-rows.js'

/** A seat as whoever commits over several groups, or reads the catalogue in a transaction, sees it. */
export class TransactionPart implements PartClient {
  readonly #seat: Seat
  unreplicated = false

  constructor(seat: Seat) {
    this.#seat = seat
  }

  /**
   * Runs a text, one result for each statement in it. `values` are literals of the text's parameters. Rejects
   * with ServerError, or when the connection is lost.
   */
  async query(text: string, values: readonly unknown[] = []): Promise<unknown> {
    this.unreplicated = false
    const reply = await askOn(this.#seat, values.length === 0 ? text : withLiterals(text, values))
    this.unreplicated = isUnreplicated(reply.bytes)
    const results = readResults(reply.bytes)
    return results.length === 1 ? results[0] : results
  }
}

/** Runs a text there. Rejects with ServerError, or when the connection is lost. */
export async function askOn(seat: Seat, text: string): Promise<Reply> {
  const reply = await seat.exchange([makeQuery(text)], null)
  for (const message of messagesIn(reply.bytes))
    if (message[0] === FROM_SERVER.notification) seat.say(message)
  if (reply.error !== null) throw new ServerError(reply.error)
  return reply
}

interface Result {
  command: string
  rows: Record<string, unknown>[]
}

/** With values in the places of its parameters. */
export function withLiterals(text: string, values: readonly unknown[]): string {
  return text.replaceAll(/\$(\d+)/g, (_, number) => literal(values[Number(number) - 1]))
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  const text = Array.isArray(value)
    ? `{${value.map((each) => JSON.stringify(each)).join(',')}}`
    : String(value)
  return `'${text.replaceAll("'", "''")}'`
}

function readResults(bytes: Buffer): Result[] {
  const results: Result[] = []
  let columns: readonly WireColumn[] = []
  let rows: Record<string, unknown>[] = []
  for (const message of messagesIn(bytes))
    switch (message[0]) {
      case FROM_SERVER.rowDescription:
        columns = readColumns(message)
        break
      case FROM_SERVER.dataRow:
        rows.push(readRow(message, columns))
        break
      case FROM_SERVER.commandComplete:
        results.push({ command: /^\w+/.exec(message.toString('utf8', 5))?.[0] ?? '', rows })
        rows = []
    }
  return results
}

/** How values are read that are not for who reads text, by the number of their type: bool and jsonb. */
const READ: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  3802: (text) => JSON.parse(text),
}

function readRow(message: Buffer, columns: readonly WireColumn[]): Record<string, unknown> {
  const texts = readTexts(message)
  return Object.fromEntries(
    columns.map(({ name, type }, at) => {
      const text = texts[at] ?? null
      return [name, text === null ? null : (READ[type]?.(text) ?? text)]
    }),
  )
}
