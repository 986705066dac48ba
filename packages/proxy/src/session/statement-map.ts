import { isUtf8 } from 'node:buffer'
import type { StatementRecord } from '@pgherd/client/internal'
import type { DatabaseBook } from '../database-book.js'
import { readBind, readParse, readPortal, readTarget } from '../protocol/client-messages.js'
import { BIND_COMPLETE, makeError, NO_PARAMETERS, PARSE_COMPLETE } from '../protocol/server-messages.js'
import type { Parsing } from '../server/reply-script.js'
import type { Request } from './batch.js'
import { describeCommand, type ProxyAnswer, type ProxyCommand, readProxyCommand } from './proxy-command.js'
import type { StatementNames, VirtualStatement } from './virtual-statement.js'

/** The statements that one client has prepared, by its own names; and what its messages mean with them. */
export class StatementMap {
  readonly #names: StatementNames
  #isUtf8 = true
  /** Statements that the proxy answers, and portals of those. */
  readonly #commands = new Map<string, ProxyCommand>()
  readonly #portals = new Map<string, ProxyCommand>()
  readonly #own = new Map<string, VirtualStatement>()
  readonly #answer: (command: ProxyCommand) => ProxyAnswer

  /** `answer` does what a command of the proxy's asks for. */
  constructor(names: StatementNames, answer: (command: ProxyCommand) => ProxyAnswer) {
    this.#names = names
    this.#answer = answer
  }

  /** Reads messages of the extended protocol. Throws ProtocolViolation. */
  readParse(message: Buffer, failed = false): Request {
    const { name, text, types } = readParse(message)
    this.#commands.delete(name)
    const command = failed ? null : this.readCommand(text)
    if (command?.kind === 'refused') return { kind: 'refused', answer: makeError(command.report) }
    if (command !== null) {
      this.#own.delete(name)
      this.#commands.set(name, command)
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
    const command = this.#commands.get(statement)
    if (command === undefined) this.#portals.delete(portal)
    else {
      this.#portals.set(portal, command)
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
    const portal = kind === 'P' ? this.#portals.get(name) : undefined
    if (portal !== undefined) return { kind: 'answered', answer: describeCommand(portal) }
    if (kind === 'P') return { kind: 'portal', message, step: 'describe' }
    const command = this.#commands.get(name)
    if (command !== undefined)
      return { kind: 'answered', answer: Buffer.concat([NO_PARAMETERS, describeCommand(command)]) }
    return { kind: 'describe statement', statement: this.#own.get(name) ?? null, clientName: name }
  }

  readExecute(message: Buffer): Request {
    const command = this.#portals.get(readPortal(message))
    return command === undefined
      ? { kind: 'portal', message, step: 'execute' }
      : { kind: 'answered', answer: this.#answer(command).answer }
  }

  readClose(message: Buffer): Request {
    const { kind, name } = readTarget(message)
    if (kind === 'P') {
      this.#portals.delete(name)
      return { kind: 'portal', message, step: 'close' }
    }
    this.#commands.delete(name)
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

  /** What the proxy answers itself; null: it is for a server. */
  readCommand(text: string): ProxyCommand | null {
    return readProxyCommand(text, (name) => this.#own.has(name))
  }

  deallocate(name: string): void {
    this.#own.delete(name)
  }

  /** A simple query ends the unnamed statement. */
  forgetUnnamed(): void {
    this.#own.delete('')
    this.#commands.delete('')
    this.#portals.delete('')
  }

  /** A server did not take a statement. */
  forget(clientName: string, statement: VirtualStatement): void {
    if (this.#own.get(clientName) === statement) this.#own.delete(clientName)
  }

  /** The client has prepared this, under whatever name. */
  owns(statement: VirtualStatement): boolean {
    for (const each of this.#own.values()) if (each === statement) return true
    return false
  }

  /** All are gone, but for those that come later in the same batch. */
  clear(parses: readonly Parsing[] = []): void {
    this.#own.clear()
    for (const { clientName, statement } of parses) this.#own.set(clientName, statement)
    this.#commands.clear()
    this.#portals.clear()
  }
}

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
