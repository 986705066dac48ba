import type net from 'node:net'
import { FROM_CLIENT, readQuery } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  commandComplete,
  dataRow,
  EMPTY_QUERY,
  makeError,
  PARSE_COMPLETE,
  readyForQuery,
  rowDescription,
  type ServerReport,
} from '../protocol/server-messages.js'
import { type AdminCommand, AdminSyntaxError, parseAdminCommands } from './admin-command.js'
import { type Administered, obey } from './admin-desk.js'
import { AdminStatements, UnknownName } from './admin-statements.js'

export const ADMIN_DATABASE = 'pgherd'
const LONGEST_MESSAGE = 64 * 1024

/** Somebody who is connected to the admin database. One message is answered at a time. */
export class AdminSession {
  readonly #socket: net.Socket
  readonly #proxy: Administered
  readonly #frames = new FrameReader(LONGEST_MESSAGE)
  readonly #gone = new AbortController()
  readonly #statements = new AdminStatements()
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
        await this.#unlessRefused(() => this.#answer(readQuery(message)))
        this.#say(readyForQuery('I'))
        break
      case FROM_CLIENT.sync:
        this.#skipping = false
        this.#statements.sync()
        this.#say(readyForQuery('I'))
        break
      case FROM_CLIENT.flush:
        break
      case FROM_CLIENT.terminate:
        this.#socket.end()
        break
      default:
        if (!this.#skipping) this.#skipping = !(await this.#unlessRefused(() => this.#step(message)))
    }
  }

  /** One step of the extended protocol. */
  async #step(message: Buffer): Promise<void> {
    switch (message[0]) {
      case FROM_CLIENT.parse:
        this.#statements.parse(message)
        this.#say(PARSE_COMPLETE)
        break
      case FROM_CLIENT.bind:
        this.#statements.bind(message)
        this.#say(BIND_COMPLETE)
        break
      case FROM_CLIENT.describe:
        this.#say(this.#statements.describe(message))
        break
      case FROM_CLIENT.execute: {
        const command = this.#statements.executed(message)
        if (command === null) this.#say(EMPTY_QUERY)
        else await this.#obey(command, false)
        break
      }
      case FROM_CLIENT.close:
        this.#statements.close(message)
        this.#say(CLOSE_COMPLETE)
        break
      default:
        throw new ProtocolViolation(`invalid frontend message type ${message[0]}`)
    }
  }

  /** False when the client was told an error. */
  async #unlessRefused(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#say(makeError(reportOf(error)))
      return false
    }
  }

  async #answer(text: string): Promise<void> {
    const commands = parseAdminCommands(text)
    if (commands.length === 0) this.#say(EMPTY_QUERY)
    for (const command of commands) await this.#obey(command, true)
  }

  /** Throws CommandRefused. */
  async #obey(command: AdminCommand, describes: boolean): Promise<void> {
    const answer = await obey(command, this.#proxy, this.#gone.signal)
    if (answer.kind === 'refused') throw new CommandRefused(answer.report)
    if (answer.kind === 'done') this.#say(commandComplete(answer.tag))
    else {
      const { columns, rows } = answer.table
      const head = describes ? [rowDescription(columns)] : []
      this.#say(Buffer.concat([...head, ...rows.map(dataRow), commandComplete('SHOW')]))
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

class CommandRefused extends Error {
  readonly report: ServerReport

  constructor(report: ServerReport) {
    super(report.message)
    this.report = report
  }
}

/** What a client is told of an error after which its session goes on; others are thrown again. */
function reportOf(error: unknown): ServerReport {
  if (error instanceof CommandRefused) return error.report
  if (error instanceof AdminSyntaxError) {
    const { message, hint } = error
    return { severity: 'ERROR', code: '42601', message, hint }
  }
  if (error instanceof UnknownName) return { severity: 'ERROR', code: error.sqlState, message: error.message }
  throw error
}
