import { frame } from '../protocol/client-messages.js'
import { FROM_SERVER } from '../protocol/server-messages.js'

// What a RowDescription and a DataRow hold.

export interface WireColumn {
  readonly name: string
  /** Its type's number. */
  readonly type: number
}

const HEAD_BYTES = 5
/** Of a column, behind its name. */
const COLUMN_BYTES = 18

export function readColumns(description: Buffer): WireColumn[] {
  return columnStarts(description).map((at) => {
    const end = description.indexOf(0, at)
    return { name: description.toString('utf8', at, end), type: description.readUInt32BE(end + 7) }
  })
}

function columnStarts(description: Buffer): number[] {
  const starts: number[] = []
  for (let at = HEAD_BYTES + 2; at < description.length; at = description.indexOf(0, at) + 1 + COLUMN_BYTES)
    starts.push(at)
  return starts
}

export function readValues(row: Buffer): (Buffer | null)[] {
  return valueStarts(row).map((at) => {
    const length = row.readInt32BE(at)
    return length < 0 ? null : row.subarray(at + 4, at + 4 + length)
  })
}

function valueStarts(row: Buffer): number[] {
  const starts: number[] = []
  for (let at = HEAD_BYTES + 2; at < row.length; at += 4 + Math.max(row.readInt32BE(at), 0)) starts.push(at)
  return starts
}

export function readTexts(row: Buffer): (string | null)[] {
  return readValues(row).map((value) => value?.toString('utf8') ?? null)
}

/** The last value of a row, and the row without it. */
export function cutLastValue(row: Buffer): { readonly last: Buffer | null; readonly rest: Buffer } {
  return { last: readValues(row).at(-1) ?? null, rest: withoutLast(row, valueStarts(row)) }
}

export function withoutLastColumn(description: Buffer): Buffer {
  return withoutLast(description, columnStarts(description))
}

function withoutLast(message: Buffer, starts: readonly number[]): Buffer {
  const count = Buffer.allocUnsafe(2)
  count.writeUInt16BE(starts.length - 1)
  const body = message.subarray(HEAD_BYTES + 2, starts.at(-1))
  return frame(message[0] as number, [count, body])
}

/** How many columns or values there are. */
export function widthOf(message: Buffer): number {
  return message.readUInt16BE(HEAD_BYTES)
}

export function isDescription(message: Buffer): boolean {
  return message[0] === FROM_SERVER.rowDescription
}
