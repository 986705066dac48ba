import type { StatementRecord } from '@pgherd/client/internal'
import { FROM_CLIENT, readPortal, readTarget } from '../protocol/client-messages.js'
import type { Request } from '../session/batch.js'
import type { Batch, SimpleMessage } from '../session/client-batch.js'
import { readValues, type WireValue } from './wire-values.js'

type Bind = Extract<Request, { kind: 'bind' }>

/** What of a batch is about one statement. */
export interface Unit {
  readonly simple: SimpleMessage | null
  readonly requests: readonly Request[]
  /** What it executes; null: it only prepares, or goes on with its portal. */
  readonly record: StatementRecord | null
  readonly bind: Bind | null
  readonly values: readonly WireValue[]
  /** The portal that it is about; null: none. */
  readonly portal: string | null
}

const NO_VALUES: readonly WireValue[] = []

/** Parts a batch by what it executes. Throws ProtocolViolation. */
export function unitsOf({ simple, requests }: Batch, look: (text: string) => StatementRecord): Unit[] {
  if (simple !== null)
    return [{ simple, requests, record: look(simple.text), bind: null, values: NO_VALUES, portal: null }]
  const units: Unit[] = []
  let part: Request[] = []
  /** The portal that the part is about. */
  let about: string | null = null
  for (const request of requests) {
    const portal = portalOf(request)
    const goesOn = request.kind === 'close statement' || (portal === about && request.kind !== 'bind')
    const previous = part.at(-1)
    const isOther = about === null ? previous !== undefined && isOurs(previous) !== isOurs(request) : !goesOn
    if (isOther) {
      units.push(readUnit(part, about, look))
      part = []
      about = null
    }
    about ??= portal
    part.push(request)
  }
  if (part.length > 0) units.push(readUnit(part, about, look))
  return units
}

/** It is answered here, and no part of what servers are asked for next. */
function isOurs({ kind }: Request): boolean {
  return kind === 'answered' || kind === 'refused'
}

/** The portal that a request is about; null: none. */
function portalOf(request: Request): string | null {
  if (request.kind === 'bind') return request.portal
  if (request.kind !== 'portal' || request.step === 'parse') return null
  return request.step === 'execute' ? readPortal(request.message) : readTarget(request.message).name
}

function readUnit(
  requests: readonly Request[],
  portal: string | null,
  look: (text: string) => StatementRecord,
): Unit {
  const bind = requests.find((request): request is Bind => request.kind === 'bind') ?? null
  const statement = bind?.statement ?? null
  const values: WireValue[] = []
  if (bind !== null && statement !== null) readValues(bind.message, bind.rest, statement.types, values)
  return {
    simple: null,
    requests,
    bind,
    record: statement === null ? null : look(statement.text),
    values,
    portal,
  }
}

type Execute = Extract<Request, { kind: 'portal' }>

export function isExecute(request: Request): request is Execute {
  return request.kind === 'portal' && request.step === 'execute'
}

/** It is executed when it is bound, and not again: what is open of it then is asked for no more. */
export function isExecutedOnce({ simple, requests }: Unit): boolean {
  return simple !== null || requests.filter(isExecute).length === 1
}

/** How many rows an Execute wants at once; 0: all. */
export function rowLimitOf({ requests }: Unit): number {
  const execute = requests.find(isExecute)
  return execute === undefined ? 0 : execute.message.readInt32BE(execute.message.length - 4)
}

export function isClose(request: Request): boolean {
  return request.kind === 'close statement' || (request.kind === 'portal' && request.step === 'close')
}

/** Asks how the rows of its portal look. */
export function describesPortal({ requests }: Unit): boolean {
  return requests.some((request) => request.kind === 'portal' && request.message[0] === FROM_CLIENT.describe)
}
