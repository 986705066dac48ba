import type net from 'node:net'
import tls from 'node:tls'
import { certificateHash } from '../auth/certificate-hash.js'
import { type Credentials, ScramClient } from '../auth/scram-client.js'
import { cString, makePassword, makeQuery, TERMINATE } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { FROM_SERVER, readParameterStatus, reportField } from '../protocol/server-messages.js'
import { dial, type ServerAddress } from './server-socket.js'

/** As whom, and with which settings, a connection is opened. */
export interface Login {
  readonly user: string
  readonly database: string
  readonly credentials: Credentials
  /** Settings for the startup packet. */
  readonly settings: ReadonlyMap<string, string>
}

/** The server did not let us in; `report` is what it said, for handing on. */
export class LoginRefused extends Error {
  readonly report: Buffer

  constructor(report: Buffer) {
    super(reportField(report, 'M') ?? 'the server refused the connection')
    this.name = 'LoginRefused'
    this.report = report
  }

  get sqlState(): string {
    return reportField(this.report, 'C') ?? 'XX000'
  }
}

const LONGEST_STARTUP_MESSAGE = 1024 * 1024
const PROTOCOL_3_0 = 3 << 16

/** A connection to one server, logged in; what is said on it is its user's business. */
export class ServerConnection {
  readonly socket: net.Socket
  /** As the server reported them last. */
  readonly parameters = new Map<string, string>()
  processId = 0
  secretKey: Buffer = Buffer.alloc(0)
  readonly #address: ServerAddress
  #scram: ScramClient | null = null

  private constructor(address: ServerAddress, socket: net.Socket) {
    this.#address = address
    this.socket = socket
  }

  /** Rejects with LoginRefused, or what the system or the server's silence says. */
  static async open(address: ServerAddress, login: Login, timeoutMs: number): Promise<ServerConnection> {
    const { raw, spoken } = dial(address)
    const timer = setTimeout(
      () => raw.destroy(new Error(`${address.host}:${address.port} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    try {
      const connection = new ServerConnection(address, await spoken)
      await connection.#logIn(login)
      return connection
    } catch (error) {
      raw.destroy()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #logIn({ user, database, credentials, settings }: Login): Promise<void> {
    const hear = (message: Buffer): void => this.#hear(message, credentials)
    return this.#untilReady(startupPacket(user, database, settings), hear)
  }

  /** Runs something before others listen. Rejects with LoginRefused when the server does not. */
  run(sql: string): Promise<void> {
    return this.#untilReady(makeQuery(sql), (message) => this.#hearReport(message))
  }

  #untilReady(said: Buffer, hear: (message: Buffer) => void): Promise<void> {
    const { socket } = this
    const frames = new FrameReader(LONGEST_STARTUP_MESSAGE)
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        stop()
        reject(error)
      }
      const closed = (): void => fail(new Error('the server closed the connection'))
      const stop = (): void => {
        socket.off('data', read).off('error', fail).off('close', closed)
        // Somebody must listen, or the process ends.
        socket.on('error', () => {})
      }
      const read = (chunk: Buffer): void => {
        try {
          frames.push(chunk)
          for (let message = frames.next(); message !== null; message = frames.next()) {
            if (message[0] === FROM_SERVER.readyForQuery) {
              stop()
              resolve()
              return
            }
            hear(message)
          }
        } catch (error) {
          fail(error as Error)
        }
      }
      socket.on('data', read).on('error', fail).on('close', closed)
      socket.write(said)
    })
  }

  #hear(message: Buffer, credentials: Credentials): void {
    switch (message[0]) {
      case FROM_SERVER.authentication:
        this.#authenticate(message, credentials)
        break
      case FROM_SERVER.backendKey:
        this.processId = message.readInt32BE(5)
        this.secretKey = Buffer.from(message.subarray(9))
        break
      default:
        this.#hearReport(message)
    }
  }

  #hearReport(message: Buffer): void {
    if (message[0] === FROM_SERVER.error) throw new LoginRefused(Buffer.from(message))
    if (message[0] !== FROM_SERVER.parameterStatus) return
    const { name, value } = readParameterStatus(message)
    this.parameters.set(name, value)
  }

  #authenticate(message: Buffer, credentials: Credentials): void {
    const body = message.toString('utf8', 9)
    switch (message.readInt32BE(5)) {
      case 0:
        return
      case 3:
        if (!('password' in credentials)) throw noPassword()
        this.socket.write(makePassword(cString(credentials.password)))
        return
      case 10:
        this.socket.write(makePassword(this.#beginScram(body.split('\0'), credentials)))
        return
      case 11:
        if (this.#scram === null) throw noPassword()
        this.socket.write(makePassword(Buffer.from(this.#scram.prove(body))))
        return
      case 12:
        this.#scram?.check(body)
        return
      default:
        throw noPassword()
    }
  }

  /** Bound to the server's certificate where both can: nobody in the middle can use the proof then. */
  #beginScram(offered: readonly string[], credentials: Credentials): Buffer {
    const binding = offered.includes('SCRAM-SHA-256-PLUS') ? certificateHashOf(this.socket) : null
    const mechanism = binding === null ? 'SCRAM-SHA-256' : 'SCRAM-SHA-256-PLUS'
    if (!offered.includes(mechanism)) throw new Error('the server offers no SCRAM-SHA-256')
    this.#scram = new ScramClient(credentials, binding)
    const first = Buffer.from(this.#scram.begin())
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(first.length)
    return Buffer.concat([cString(mechanism), length, first])
  }

  /** It reports by itself, at the start and when it is promoted (PostgreSQL 14). */
  get isStandby(): boolean {
    return this.parameters.get('in_hot_standby') === 'on'
  }

  /** Asks the server, over a connection made for that, to end what is under way here. */
  cancel(): Promise<void> {
    const packet = Buffer.alloc(12 + this.secretKey.length)
    packet.writeInt32BE(packet.length, 0)
    packet.writeInt32BE(80877102, 4)
    packet.writeInt32BE(this.processId, 8)
    this.secretKey.copy(packet, 12)
    const { raw, spoken } = dial(this.#address)
    raw.setTimeout(5000, () => raw.destroy())
    raw.on('error', () => {})
    spoken.then(
      (socket) => {
        socket.on('error', () => {})
        socket.resume()
        socket.write(packet)
      },
      () => raw.destroy(),
    )
    // The server closes it when the signal is sent: from then on it strikes no later statement.
    return new Promise((resolve) => {
      raw.on('close', () => resolve())
    })
  }

  /** Says goodbye. */
  end(): void {
    if (this.socket.writable) this.socket.end(TERMINATE)
    this.socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** What a login can be bound to; null: nothing. */
function certificateHashOf(socket: net.Socket): Buffer | null {
  const certificate = socket instanceof tls.TLSSocket ? socket.getPeerX509Certificate() : undefined
  return certificate === undefined ? null : certificateHash(certificate)
}

function startupPacket(user: string, database: string, settings: ReadonlyMap<string, string>): Buffer {
  const pairs = [['user', user], ['database', database], ...settings].flat().map((text) => cString(text))
  const body = Buffer.concat([...pairs, Buffer.from([0])])
  const head = Buffer.allocUnsafe(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(PROTOCOL_3_0, 4)
  return Buffer.concat([head, body])
}

function noPassword(): Error {
  return new Error('the server asks for a password in a way that only SCRAM-SHA-256 can stand in for')
}
