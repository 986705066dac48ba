import { frame, makeDescribe, makeParse, renameBind, SYNC } from '../protocol/client-messages.js'
import { ReplyScript } from '../server/reply-script.js'
import { mentionsOurName, OUR_NAMES, PREFIX, type VirtualStatement } from './virtual-statement.js'

/** One message of the extended protocol, read as far as it must be to be sent elsewhere. */
export type Request =
  | {
      readonly kind: 'parse'
      readonly clientName: string
      readonly statement: VirtualStatement
      /** The client has one of this name: an error, which is the server's to tell. */
      readonly isTaken: boolean
    }
  | {
      readonly kind: 'bind'
      readonly message: Buffer
      readonly portal: string
      /** Where the part after the names begins. */
      readonly rest: number
      /** Null: the client has none of this name, and the server will say so. */
      readonly statement: VirtualStatement | null
      readonly clientName: string
    }
  | {
      readonly kind: 'describe statement'
      readonly statement: VirtualStatement | null
      readonly clientName: string
    }
  | { readonly kind: 'close statement'; readonly clientName: string }
  /** Nothing for a server. */
  | { readonly kind: 'answered'; readonly answer: Buffer }
  /** An error of the proxy's own: what comes before the next Sync is not read. */
  | { readonly kind: 'refused'; readonly answer: Buffer }
  | {
      readonly kind: 'portal'
      readonly message: Buffer
      readonly step: 'parse' | 'describe' | 'execute' | 'close'
    }

/** A batch as it is sent to one connection. */
export interface Encoded {
  readonly parts: Buffer[]
  readonly script: ReplyScript
  /** What the connection has prepared once all of it has succeeded. */
  readonly prepares: VirtualStatement[]
}

/**
 * Writes requests for a connection that has `prepared` already: statements under the names that servers
 * know, prepared where they are not yet. Ends with Sync when `sync`. `script`: what is expected already,
 * where this goes on after a Flush.
 */
export function encodeRequests(
  requests: readonly Request[],
  prepared: ReadonlySet<VirtualStatement>,
  {
    sync,
    failed,
    script = new ReplyScript(),
  }: { readonly sync: boolean; readonly failed: boolean; readonly script?: ReplyScript },
): Encoded {
  const parts: Buffer[] = []
  const prepares: VirtualStatement[] = []
  /** In the server's unnamed statement, since it came for the first time. */
  let unnamed: VirtualStatement | null = null
  const has = (statement: VirtualStatement): boolean =>
    prepared.has(statement) || prepares.includes(statement)
  const nameOf = (statement: VirtualStatement): string => {
    if (statement === unnamed) return ''
    if (!has(statement)) {
      parts.push(makeParse(statement.name, statement.text, statement.types))
      script.add('our parse', statement)
      prepares.push(statement)
    }
    return statement.name
  }
  for (const request of requests) {
    switch (request.kind) {
      case 'parse': {
        const { statement, clientName, isTaken } = request
        if (isTaken) {
          parts.push(makeParse(nameOf(statement), statement.text, statement.types))
          script.add('parse')
        }
        // In a failed transaction the server has an error for it.
        else if (has(statement) && !failed) script.add('say parsed', undefined, request)
        else {
          const isOnce = clientName === '' && statement.uses <= 1
          unnamed = isOnce ? statement : unnamed
          parts.push(makeParse(isOnce ? '' : statement.name, statement.text, statement.types))
          // In a failed transaction it may be there already.
          const isNew = !isOnce && !has(statement)
          script.add('parse', isNew ? statement : undefined, request)
          if (isNew) prepares.push(statement)
        }
        break
      }
      case 'bind': {
        const { message, portal, rest, statement, clientName } = request
        if (statement === null && !clientName.startsWith(PREFIX)) parts.push(message)
        else {
          const name = statement === null ? notOurs(clientName) : nameOf(statement)
          parts.push(renameBind(message, portal, name, rest))
        }
        script.add('bind')
        break
      }
      case 'describe statement': {
        const { statement, clientName } = request
        parts.push(makeDescribe('S', statement === null ? notOurs(clientName) : nameOf(statement)))
        script.add('describe')
        break
      }
      case 'close statement':
        script.add('say closed')
        break
      case 'refused':
        // A transaction fails of it, as of any error: the server must hear of one.
        parts.push(REFUSED)
        script.refuse(request.answer)
        break
      case 'answered':
        script.say(request.answer)
        break
      case 'portal':
        parts.push(request.message)
        script.add(request.step)
    }
  }
  if (sync) parts.push(SYNC)
  return { parts, script, prepares }
}

/** What no server takes. */
const REFUSED = makeParse('', 'refused by pgherd', Buffer.from([0, 0]))

/** A name that the client has not prepared, so that it is not one that others have. */
function notOurs(name: string): string {
  return name.startsWith(PREFIX) ? `${name}?` : name
}

/** A report of a server with the names that the client knows instead of those that servers do. */
export function withClientNames(report: Buffer, requests: readonly Request[]): Buffer {
  if (!mentionsOurName(report)) return report
  const names = new Map<string, string>()
  for (const request of requests)
    if ('statement' in request && request.statement !== null)
      names.set(request.statement.name, request.clientName)
  const fields = report
    .toString('latin1', 5, report.length - 1)
    .replace(OUR_NAMES, (name) => Buffer.from(names.get(name) ?? name).toString('latin1'))
  return frame(report[0] as number, [Buffer.from(`${fields}\0`, 'latin1')])
}
