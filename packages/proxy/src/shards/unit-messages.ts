import { FROM_CLIENT, frame, makeDescribe, makeParse, makeQuery, SYNC } from '../protocol/client-messages.js'
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  makeError,
  NO_DATA,
  NO_PARAMETERS,
  PARSE_COMPLETE,
} from '../protocol/server-messages.js'
import type { Request } from '../session/batch.js'
import { notSupported } from './report-of.js'
import { describesPortal, isClose, type Unit } from './units.js'
import { bindBody, readBindBody, type WireValue } from './wire-values.js'

/** What a unit is answered with of which the proxy knows all, such as BEGIN. */
export function answerTo({ simple, requests }: Unit, done: Buffer): Buffer {
  return simple === null ? Buffer.concat(requests.map((request) => answerOf(request, done))) : done
}

function answerOf(request: Request, done: Buffer): Buffer {
  switch (request.kind) {
    case 'parse':
      return request.isTaken ? makeError(TAKEN) : PARSE_COMPLETE
    case 'bind':
      return BIND_COMPLETE
    case 'describe statement':
      return Buffer.concat([NO_PARAMETERS, NO_DATA])
    case 'close statement':
      return CLOSE_COMPLETE
    case 'answered':
    case 'refused':
      return request.answer
    case 'portal':
      return ANSWERS[request.step] ?? done
  }
}

const ANSWERS: Readonly<Record<string, Buffer>> = {
  parse: PARSE_COMPLETE,
  describe: NO_DATA,
  close: CLOSE_COMPLETE,
}

const TAKEN = { severity: 'ERROR', code: '42P05', message: 'prepared statement already exists' } as const

/** What a unit prepares, and asks of what it has prepared, before it is run by other texts than its own. */
export function preparing({ requests }: Unit): readonly Request[] {
  return requests.slice(0, boundAt(requests))
}

/** What is closed after it. */
export function answersAfter({ requests }: Unit): Buffer[] {
  return requests.slice(boundAt(requests)).flatMap((request) => (isClose(request) ? [CLOSE_COMPLETE] : []))
}

function boundAt(requests: readonly Request[]): number {
  return requests.findIndex(({ kind }) => kind === 'bind')
}

/** A part of a unit, as it is asked of a server: with the values that are its own, and so many columns more. */
export function encodePart(
  unit: Unit,
  text: string,
  values: readonly WireValue[],
  addedColumns = 0,
): Buffer[] {
  if (unit.bind === null) return [makeQuery(text)]
  return encodeText(text, values, resultFormatsOf(unit, addedColumns), describesPortal(unit))
}

/** In which formats it wants its columns, and so many more in text. */
export function resultFormatsOf({ bind }: Unit, addedColumns: number): Buffer {
  if (bind === null) return IN_TEXT
  return withMoreColumns(readBindBody(bind.message, bind.rest, NO_TYPES).resultFormats, addedColumns)
}

const IN_TEXT = Buffer.from([0, 0])

/** A text with its values, to be run at once. `describes`: how its rows look is to be told. */
export function encodeText(
  text: string,
  values: readonly WireValue[],
  resultFormats: Buffer,
  describes: boolean,
): Buffer[] {
  const types = Buffer.alloc(2 + 4 * values.length)
  types.writeUInt16BE(values.length, 0)
  for (const [index, { type }] of values.entries()) types.writeUInt32BE(type, 2 + 4 * index)
  return [
    makeParse('', text, types),
    frame(FROM_CLIENT.bind, [Buffer.from([0, 0]), ...bindBody({ values, resultFormats })]),
    ...(describes ? [makeDescribe('P', '')] : []),
    frame(FROM_CLIENT.execute, [Buffer.from([0, 0, 0, 0, 0])]),
    SYNC,
  ]
}

/** None and one are the format of all columns. */
function withMoreColumns(formats: Buffer, added: number): Buffer {
  const count = formats.readUInt16BE(0)
  if (count < 2) return formats
  const all = Buffer.concat([formats, Buffer.alloc(2 * added)])
  all.writeUInt16BE(count + added, 0)
  return all
}

/** Types whose binary form is their text: unknown, text and varchar. */
const TEXTS: ReadonlySet<number> = new Set([0, 25, 1043])

const NO_TYPES = Buffer.from([0, 0])

export function textOfValue({ bytes, isBinary, type }: WireValue): string | null {
  if (isBinary && bytes !== null && !TEXTS.has(type))
    throw notSupported('A setting of several groups is text.')
  return bytes === null ? null : bytes.toString('utf8')
}
