import { readBind, readParse, readTarget } from '../protocol/client-messages.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import { NO_DATA, NO_PARAMETERS, rowDescription } from '../protocol/server-messages.js'
import { type AdminCommand, AdminSyntaxError, parseAdminCommands } from './admin-command.js'
import { SHOWN_COLUMNS } from './admin-table.js'

/** A statement or portal that this client has not made. */
export class UnknownName extends Error {
  readonly sqlState: '26000' | '34000'

  constructor(kind: 'prepared statement' | 'portal', name: string) {
    super(`${kind} "${name}" does not exist`)
    this.sqlState = kind === 'portal' ? '34000' : '26000'
  }
}

/**
 * What one client of the admin database has prepared and bound: drivers that speak the extended protocol do
 * so for every query. Null is an empty text.
 */
export class AdminStatements {
  readonly #prepared = new Map<string, AdminCommand | null>()
  readonly #bound = new Map<string, AdminCommand | null>()

  /** Throws AdminSyntaxError, ProtocolViolation. */
  parse(message: Buffer): void {
    const { name, text } = readParse(message)
    const [command = null, another] = parseAdminCommands(text)
    if (another !== undefined)
      throw new AdminSyntaxError('cannot insert multiple commands into a prepared statement')
    this.#prepared.set(name, command)
  }

  /** Throws UnknownName, ProtocolViolation. */
  bind(message: Buffer): void {
    const { portal, statement } = readBind(message)
    this.#bound.set(portal, find(this.#prepared, 'prepared statement', statement))
  }

  /** What a Describe is answered with: all there is is text, in either format. Throws UnknownName. */
  describe(message: Buffer): Buffer {
    const { kind, name } = readTarget(message)
    const isStatement = kind === 'S'
    const command = isStatement
      ? find(this.#prepared, 'prepared statement', name)
      : find(this.#bound, 'portal', name)
    const columns = command?.kind === 'SHOW' ? rowDescription(SHOWN_COLUMNS[command.what]) : NO_DATA
    return isStatement ? Buffer.concat([NO_PARAMETERS, columns]) : columns
  }

  /** What an Execute is about. Throws UnknownName, ProtocolViolation. */
  executed(message: Buffer): AdminCommand | null {
    const end = message.indexOf(0, 5)
    if (end < 0) throw new ProtocolViolation('invalid string in message')
    return find(this.#bound, 'portal', message.toString('utf8', 5, end))
  }

  close(message: Buffer): void {
    const { kind, name } = readTarget(message)
    if (kind === 'S') this.#prepared.delete(name)
    else this.#bound.delete(name)
  }

  /** At a Sync the transaction ends, and portals with it. */
  sync(): void {
    this.#bound.clear()
  }
}

function find(
  known: ReadonlyMap<string, AdminCommand | null>,
  kind: 'prepared statement' | 'portal',
  name: string,
): AdminCommand | null {
  const found = known.get(name)
  if (found === undefined) throw new UnknownName(kind, name)
  return found
}
