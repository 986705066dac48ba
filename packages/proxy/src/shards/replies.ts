import { cString, frame } from '../protocol/client-messages.js'
import { commandComplete, FROM_SERVER, reportField } from '../protocol/server-messages.js'

/** Cuts what a server has said into its messages. */
export function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1)
    messages.push(bytes.subarray(at, end))
    at = end
  }
  return messages
}

/** What a statement was answered with. */
export interface Answered {
  /** All before the first row: what was parsed and bound, and how rows look. */
  readonly head: readonly Buffer[]
  readonly rows: readonly Buffer[]
  /** As CommandComplete says it; empty where there is none. */
  readonly tag: string
  /** All after that: what was closed. */
  readonly tail: readonly Buffer[]
}

/** `isPart`: what was parsed there is nothing that the client has asked for. */
export function readAnswer(bytes: Buffer, isPart = false): Answered {
  const head: Buffer[] = []
  const rows: Buffer[] = []
  const tail: Buffer[] = []
  let tag = ''
  for (const message of messagesIn(bytes)) {
    if (message[0] === FROM_SERVER.dataRow) rows.push(message)
    else if (message[0] === FROM_SERVER.parseComplete && isPart) continue
    else if (message[0] === FROM_SERVER.commandComplete) tag = message.toString('utf8', 5, message.length - 1)
    else if (tag === '') head.push(message)
    else tail.push(message)
  }
  return { head, rows, tag, tail }
}

/** What several did, each with its rows, as one that did all of it. `order`: which rows of the whole each has. */
export function mergeAnswers(
  answers: readonly Answered[],
  order: readonly (readonly number[])[] | null,
): Answered {
  const [first] = answers as [Answered]
  return { ...first, rows: rowsOf(answers, order), tag: joinTags(answers) }
}

/** The same as it is sent. */
export function joinAnswers(
  answers: readonly Answered[],
  order: readonly (readonly number[])[] | null,
): Buffer {
  const { head, rows, tag, tail } = mergeAnswers(answers, order)
  return Buffer.concat([...head, ...rows, commandComplete(tag), ...tail])
}

function rowsOf(
  answers: readonly Answered[],
  order: readonly (readonly number[])[] | null,
): readonly Buffer[] {
  const all = answers.flatMap(({ rows }) => rows)
  // ON CONFLICT DO NOTHING leaves rows out, and nothing says which.
  if (order === null || !answers.every(({ rows }, at) => rows.length === order[at]?.length)) return all
  const sorted: Buffer[] = []
  for (const [at, { rows }] of answers.entries())
    for (const [place, row] of rows.entries()) sorted[order[at]?.[place] as number] = row
  return sorted
}

/** The last word of a tag is how many rows there were. */
function joinTags(answers: readonly Answered[]): string {
  const [first] = answers as [Answered]
  const count = answers.reduce((sum, { tag }) => sum + BigInt(COUNT.exec(tag)?.[0] ?? 0), 0n)
  return first.tag.replace(COUNT, String(count))
}

const COUNT = /\d+$/

/** An error that a server sent, with its fields as `pg` names them. */
export class ServerError extends Error {
  readonly report: Buffer
  readonly severity: string
  readonly code: string
  readonly schema: string | null
  readonly table: string | null
  /** What else the client is to hear of the same statement, ahead of the error. */
  before: Buffer = Buffer.alloc(0)

  constructor(report: Buffer) {
    super(reportField(report, 'M') ?? 'an error without a message')
    this.report = report
    this.severity = reportField(report, 'V') ?? 'ERROR'
    this.code = reportField(report, 'C') ?? 'XX000'
    this.schema = reportField(report, 's')
    this.table = reportField(report, 't')
  }
}

/** A report of a server, with where it was. */
export function reportWithContext(report: Buffer, where: string): Buffer {
  const context = reportField(report, 'W')
  const given = context === null ? '' : `\n${context}`
  return frame(report[0] as number, [cString(`W${where}${given}`), withoutField(report, 'W')])
}

/** The fields of a report but for one. */
function withoutField(report: Buffer, field: string): Buffer {
  const parts: Buffer[] = []
  for (let at = REPORT_HEAD; at < report.length && report[at] !== 0; ) {
    const end = report.indexOf(0, at) + 1
    if (report[at] !== field.charCodeAt(0)) parts.push(report.subarray(at, end))
    at = end
  }
  return Buffer.concat([...parts, Buffer.from([0])])
}

const REPORT_HEAD = 5

/** The routine that says so was waiting until a standby has a commit. */
const WAITS_FOR_STANDBY = 'SyncRepWaitForLSN'

/** A wait until a standby has what was committed was given up. */
export function isUnreplicated(bytes: Buffer): boolean {
  return messagesIn(bytes).some(
    (message) => message[0] === FROM_SERVER.notice && reportField(message, 'R') === WAITS_FOR_STANDBY,
  )
}
