import { cString, frame } from './client-messages.js'

/** Types of messages that a server sends, as bytes. */
export const FROM_SERVER = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notification: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  emptyQuery: 0x49, // I
  backendKey: 0x4b, // K
  notice: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  copyBoth: 0x57, // W
  readyForQuery: 0x5a, // Z
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateVersion: 0x76, // v
} as const

/** What a server says of an error or a notice. */
export interface ServerReport {
  readonly severity: 'ERROR' | 'FATAL' | 'WARNING' | 'NOTICE'
  /** SQLSTATE. */
  readonly code: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export function makeError({ severity, code, message, detail, hint }: ServerReport): Buffer {
  return frame(
    FROM_SERVER.error,
    reportFields({ S: severity, V: severity, C: code, M: message, D: detail, H: hint }),
  )
}

/** An error for who speaks protocol 2 or older: one text. */
export function makeOldError({ severity, message }: ServerReport): Buffer {
  return cString(`E${severity}:  ${message}\n`)
}

function reportFields(fields: Record<string, string | undefined>): Buffer[] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return [...given.map(([field, value]) => cString(field + value)), Buffer.from([0])]
}

/** A field of an ErrorResponse or NoticeResponse; null when it has none such. */
export function reportField(message: Buffer, field: string): string | null {
  const wanted = field.charCodeAt(0)
  let at = 5
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at + 1)
    if (end < 0) return null
    if (message[at] === wanted) return message.toString('utf8', at + 1, end)
    at = end + 1
  }
  return null
}

const READY = new Map(
  ['I', 'T', 'E'].map((status) => [status, frame(FROM_SERVER.readyForQuery, [Buffer.from(status)])]),
)

/** Whether the session is idle, in a transaction, or in one that failed. */
export type TransactionStatus = 'I' | 'T' | 'E'

export function readyForQuery(status: TransactionStatus): Buffer {
  return READY.get(status) as Buffer
}

export const PARSE_COMPLETE = frame(FROM_SERVER.parseComplete, [])
export const BIND_COMPLETE = frame(FROM_SERVER.bindComplete, [])
export const NO_DATA = frame(FROM_SERVER.noData, [])
export const NO_PARAMETERS = frame(FROM_SERVER.parameterDescription, [Buffer.from([0, 0])])
export const CLOSE_COMPLETE = frame(FROM_SERVER.closeComplete, [])
export const EMPTY_QUERY = frame(FROM_SERVER.emptyQuery, [])

export function parameterStatus(name: string, value: string): Buffer {
  return frame(FROM_SERVER.parameterStatus, [cString(name), cString(value)])
}

/** Name and value of a ParameterStatus. */
export function readParameterStatus(message: Buffer): { name: string; value: string } {
  const end = message.indexOf(0, 5)
  return {
    name: message.toString('utf8', 5, end),
    value: message.toString('utf8', end + 1, message.length - 1),
  }
}

export function backendKey(processId: number, secretKey: Buffer): Buffer {
  const id = Buffer.allocUnsafe(4)
  id.writeInt32BE(processId)
  return frame(FROM_SERVER.backendKey, [id, secretKey])
}

export function commandComplete(tag: string): Buffer {
  return frame(FROM_SERVER.commandComplete, [cString(tag)])
}

export function authentication(kind: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const code = Buffer.allocUnsafe(4)
  code.writeInt32BE(kind)
  return frame(FROM_SERVER.authentication, [code, body])
}

/** The newest minor version that is spoken, and options nobody here knows. */
export function negotiateVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  const head = Buffer.allocUnsafe(8)
  head.writeInt32BE((3 << 16) | minor)
  head.writeInt32BE(unknownOptions.length, 4)
  return frame(FROM_SERVER.negotiateVersion, [head, ...unknownOptions.map(cString)])
}

const TEXT_TYPE = 25

/** Columns of text. */
export function rowDescription(columns: readonly string[]): Buffer {
  const count = Buffer.allocUnsafe(2)
  count.writeInt16BE(columns.length)
  return frame(FROM_SERVER.rowDescription, [count, ...columns.map(describeColumn)])
}

function describeColumn(name: string): Buffer {
  const rest = Buffer.alloc(18)
  rest.writeInt32BE(TEXT_TYPE, 6)
  rest.writeInt16BE(-1, 10)
  rest.writeInt32BE(-1, 12)
  return Buffer.concat([cString(name), rest])
}

export function dataRow(values: readonly (string | null)[]): Buffer {
  const count = Buffer.allocUnsafe(2)
  count.writeInt16BE(values.length)
  return frame(FROM_SERVER.dataRow, [count, ...values.map(columnValue)])
}

function columnValue(value: string | null): Buffer {
  const bytes = Buffer.from(value ?? '', 'utf8')
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(value === null ? -1 : bytes.length)
  return Buffer.concat([length, bytes])
}
