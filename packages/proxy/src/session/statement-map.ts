import { isUtf8 } from 'node:buffer'
import type { StatementRecord } from '@pgherd/client/internal'
import type { DatabaseBook } from '../database-book.js'
import { readBind, readParse, readPortal, readTarget } from '../protocol/client-messages.js'
import {
  BIND_COMPLETE,
  commandComplete,
  NO_DATA,
  NO_PARAMETERS,
  PARSE_COMPLETE,
} from '../protocol/server-messages.js'
import type { Request } from './batch.js'
import type { StatementNames, VirtualStatement } from './virtual-statement.js'

/** The statements that one client has prepared, by its own names; and what its messages mean with them. */
export class StatementMap {
  readonly #names: StatementNames
  #isUtf8 = true
  /** Statements that are a DEALLOCATE of one of ours, and portals of those. */
  readonly #deallocates = new Map<string, string>()
  readonly #portals = new Set<string>()
  readonly #own = new Map<string, VirtualStatement>()

  constructor(names: StatementNames) {
    this.#names = names
  }

  /** Reads messages of the extended protocol. Throws ProtocolViolation. */
  readParse(message: Buffer, failed = false): Request {
    const { name, text, types } = readParse(message)
    this.#deallocates.delete(name)
    const dealt = failed ? null : this.#namedBy(text)
    if (dealt !== null) {
      this.#own.delete(name)
      this.#deallocates.set(name, dealt)
      return { kind: 'answered', answer: PARSE_COMPLETE }
    }
    // Read as text and written again it would be another one; as it is, the server refuses it.
    if (!this.#isUtf8 || !isUtf8(message.subarray(5, -types.length))) {
      this.#own.delete(name)
      return { kind: 'portal', message, step: 'parse' }
    }
    const statement = this.#names.get(text, types)
    statement.uses++
    const isTaken = name !== '' && this.#own.has(name)
    if (!isTaken) this.#own.set(name, statement)
    return { kind: 'parse', clientName: name, statement, isTaken }
  }

  readBind(message: Buffer): Request {
    const { portal, statement, rest } = readBind(message)
    const dealt = this.#deallocates.get(statement)
    if (dealt === undefined) this.#portals.delete(portal)
    else {
      this.#own.delete(dealt)
      this.#portals.add(portal)
      return { kind: 'answered', answer: BIND_COMPLETE }
    }
    return {
      kind: 'bind',
      message,
      portal,
      rest,
      statement: this.#own.get(statement) ?? null,
      clientName: statement,
    }
  }

  readDescribe(message: Buffer): Request {
    const { kind, name } = readTarget(message)
    if (kind === 'P' && this.#portals.has(name)) return { kind: 'answered', answer: NO_DATA }
    if (kind === 'P') return { kind: 'portal', message, step: 'describe' }
    if (this.#deallocates.has(name))
      return { kind: 'answered', answer: Buffer.concat([NO_PARAMETERS, NO_DATA]) }
    return { kind: 'describe statement', statement: this.#own.get(name) ?? null, clientName: name }
  }

  readExecute(message: Buffer): Request {
    return this.#portals.has(readPortal(message))
      ? { kind: 'answered', answer: DEALLOCATED }
      : { kind: 'portal', message, step: 'execute' }
  }

  readClose(message: Buffer): Request {
    const { kind, name } = readTarget(message)
    if (kind === 'P') return { kind: 'portal', message, step: 'close' }
    const isOurs = this.#own.delete(name)
    if (!isOurs && !this.#isUtf8) return { kind: 'portal', message, step: 'close' }
    return { kind: 'close statement', clientName: name }
  }

  /**
   * While the client speaks another encoding, what it prepares is the server's alone, as it came; and what
   * we have as text of ours cannot be said any more unless it is ASCII.
   */
  set isUtf8(isUtf8: boolean) {
    this.#isUtf8 = isUtf8
    if (isUtf8) return
    for (const [name, { text }] of this.#own) if (!IS_ASCII.test(text)) this.#own.delete(name)
  }

  /**
   * DEALLOCATE of a statement that was prepared by the protocol, which psycopg and Rails do: servers know it
   * under another name. False: it is none of those.
   */
  deallocate(text: string): boolean {
    const name = this.#namedBy(text)
    return name !== null && this.#own.delete(name)
  }

  /** Which of ours a DEALLOCATE is about; null: it is no DEALLOCATE, or about another. */
  #namedBy(text: string): string | null {
    const match = DEALLOCATE.exec(text)
    if (match === null) return null
    const [, quoted, plain = ''] = match
    const name = quoted?.replaceAll('""', '"') ?? plain.toLowerCase()
    return this.#own.has(name) ? name : null
  }

  /** A simple query ends the unnamed statement. */
  forgetUnnamed(): void {
    this.#own.delete('')
    this.#deallocates.delete('')
    this.#portals.delete('')
  }

  /** A server did not take a statement. */
  forget(clientName: string, statement: VirtualStatement): void {
    if (this.#own.get(clientName) === statement) this.#own.delete(clientName)
  }

  clear(): void {
    this.#own.clear()
  }
}

const DEALLOCATED = commandComplete('DEALLOCATE')
const DEALLOCATE = /^\s*deallocate\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([a-z_][\w$]*))\s*;?\s*$/i

// biome-ignore lint/suspicious/noControlCharactersInRegex: all that ASCII has.
const IS_ASCII = /^[\x00-\x7f]*$/

/** What a batch executes: a text that is only prepared does nothing. */
export function executedBy(requests: readonly Request[], book: DatabaseBook): StatementRecord[] {
  const executed: StatementRecord[] = []
  for (const request of requests)
    if (request.kind === 'bind' && request.statement !== null)
      executed.push(book.look(request.statement.text))
  return executed
}
