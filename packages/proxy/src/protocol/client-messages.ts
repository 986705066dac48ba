import { ProtocolViolation } from './protocol-violation.js'

/** Types of messages that a client sends, as bytes. */
export const FROM_CLIENT = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  password: 0x70, // p
} as const

/** Where a message's own bytes begin, after its type and length. */
const BODY = 5

/** A string that ends at `end`, where its NUL is. */
interface Text {
  readonly text: string
  readonly end: number
}

function textAt(message: Buffer, at: number): Text {
  const end = message.indexOf(0, at)
  if (end < 0) throw new ProtocolViolation('invalid string in message')
  return { text: end === at ? '' : message.toString('utf8', at, end), end }
}

/** The text of a Query. */
export function readQuery(message: Buffer): string {
  const { text, end } = textAt(message, BODY)
  if (end !== message.length - 1) throw new ProtocolViolation('invalid message format')
  return text
}

/** The name and text of a Parse, and where the types of its parameters begin. */
export function readParse(message: Buffer): { name: string; text: string; types: Buffer } {
  const name = textAt(message, BODY)
  const text = textAt(message, name.end + 1)
  const types = message.subarray(text.end + 1)
  if (types.length < 2 || types.length !== 2 + 4 * types.readUInt16BE(0))
    throw new ProtocolViolation('invalid message format')
  return { name: name.text, text: text.text, types }
}

/** The portal and statement of a Bind, and where what follows them begins. */
export function readBind(message: Buffer): { portal: string; statement: string; rest: number } {
  const portal = textAt(message, BODY)
  const statement = textAt(message, portal.end + 1)
  return { portal: portal.text, statement: statement.text, rest: statement.end + 1 }
}

/** The portal of an Execute. */
export function readPortal(message: Buffer): string {
  const { text, end } = textAt(message, BODY)
  if (end !== message.length - 5) throw new ProtocolViolation('invalid message format')
  return text
}

/** What a Describe or Close is about: S, a statement, or P, a portal. */
export function readTarget(message: Buffer): { kind: 'S' | 'P'; name: string } {
  const kind = message[BODY]
  if (kind !== 0x53 && kind !== 0x50)
    throw new ProtocolViolation(`invalid message subtype ${kind ?? 'that is missing'}`)
  const { text, end } = textAt(message, BODY + 1)
  if (end !== message.length - 1) throw new ProtocolViolation('invalid message format')
  return { kind: kind === 0x53 ? 'S' : 'P', name: text }
}

// ---- messages as a client would send them, for servers

export function makeParse(name: string, text: string, types: Buffer): Buffer {
  return frame(FROM_CLIENT.parse, [cString(name), cString(text), types])
}

/** A Bind to a statement of another name. */
export function renameBind(message: Buffer, portal: string, statement: string, rest: number): Buffer {
  return frame(FROM_CLIENT.bind, [cString(portal), cString(statement), message.subarray(rest)])
}

export function makeDescribe(kind: 'S' | 'P', name: string): Buffer {
  return frame(FROM_CLIENT.describe, [Buffer.from(kind), cString(name)])
}

export function makeQuery(text: string): Buffer {
  return frame(FROM_CLIENT.query, [cString(text)])
}

export function makePassword(body: Buffer): Buffer {
  return frame(FROM_CLIENT.password, [body])
}

export const SYNC = Buffer.from([FROM_CLIENT.sync, 0, 0, 0, 4])
export const TERMINATE = Buffer.from([FROM_CLIENT.terminate, 0, 0, 0, 4])

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8')
}

export function frame(type: number, parts: readonly Buffer[]): Buffer {
  let length = 4
  for (const part of parts) length += part.length
  const message = Buffer.allocUnsafe(length + 1)
  message[0] = type
  message.writeInt32BE(length, 1)
  let at = BODY
  for (const part of parts) at += part.copy(message, at)
  return message
}
