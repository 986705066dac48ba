import type net from 'node:net'
import { FROM_CLIENT, readQuery } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import {
  commandComplete,
  dataRow,
  EMPTY_QUERY,
  makeError,
  readyForQuery,
  rowDescription,
  type ServerReport,
} from '../protocol/server-messages.js'
import { AdminSyntaxError, parseAdminCommands } from './admin-command.js'
import { type AdminAnswer, type Administered, obey } from './admin-desk.js'

export const ADMIN_DATABASE = 'pgherd'
const LONGEST_MESSAGE = 64 * 1024

/** Somebody who is connected to the admin database. One message is answered at a time. */
export class AdminSession {
  readonly #socket: net.Socket
  readonly #proxy: Administered
  readonly #frames = new FrameReader(LONGEST_MESSAGE)
  readonly #gone = new AbortController()
  /** After an error of the extended protocol everything up to the Sync is passed over. */
  #skipping = false
  #isBusy = false

  constructor(socket: net.Socket, proxy: Administered, closed: (session: AdminSession) => void) {
    this.#socket = socket
    this.#proxy = proxy
    socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk)
      void this.#goOn()
    })
    socket.on('close', () => {
      this.#gone.abort()
      closed(this)
    })
  }

  /** `rest`: what came together with its login. */
  start(rest: Buffer): void {
    this.#frames.push(rest)
    void this.#goOn()
    this.#socket.resume()
  }

  async #goOn(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (;;) {
        const message = this.#gone.signal.aborted ? null : this.#frames.next()
        if (message === null) break
        await this.#take(message)
      }
    } catch (error) {
      const isTheirs = error instanceof ProtocolViolation
      this.#fatal({
        severity: 'FATAL',
        code: isTheirs ? error.sqlState : 'XX000',
        message: (error as Error).message,
      })
    } finally {
      this.#isBusy = false
    }
  }

  async #take(message: Buffer): Promise<void> {
    switch (message[0]) {
      case FROM_CLIENT.query:
        await this.#answer(readQuery(message))
        this.#say(readyForQuery('I'))
        break
      case FROM_CLIENT.sync:
        this.#skipping = false
        this.#say(readyForQuery('I'))
        break
      case FROM_CLIENT.flush:
        break
      case FROM_CLIENT.terminate:
        this.#socket.end()
        break
      default:
        if (this.#skipping) break
        this.#skipping = true
        this.#say(makeError(EXTENDED_REFUSED))
    }
  }

  async #answer(text: string): Promise<void> {
    try {
      const commands = parseAdminCommands(text)
      if (commands.length === 0) this.#say(EMPTY_QUERY)
      for (const command of commands) {
        const answer = await obey(command, this.#proxy, this.#gone.signal)
        this.#tell(answer)
        if (answer.kind === 'refused') break
      }
    } catch (error) {
      if (!(error instanceof AdminSyntaxError)) throw error
      const { message, hint } = error
      this.#say(makeError({ severity: 'ERROR', code: '42601', message, hint }))
    }
  }

  #tell(answer: AdminAnswer): void {
    if (answer.kind === 'refused') this.#say(makeError(answer.report))
    else if (answer.kind === 'done') this.#say(commandComplete(answer.tag))
    else {
      const { columns, rows } = answer.table
      this.#say(Buffer.concat([rowDescription(columns), ...rows.map(dataRow), commandComplete('SHOW')]))
    }
  }

  #say(message: Buffer): void {
    if (this.#socket.writable) this.#socket.write(message)
  }

  #fatal(report: ServerReport): void {
    if (this.#socket.writable) this.#socket.end(makeError(report))
  }

  /** Ends the session by order. */
  terminate(message: string): void {
    this.#fatal({ severity: 'FATAL', code: '57P01', message })
  }
}

const EXTENDED_REFUSED: ServerReport = {
  severity: 'ERROR',
  code: '0A000',
  message: 'the admin database takes simple queries only',
  hint: 'Use psql, or a query without parameters.',
}
