import { randomBytes } from 'node:crypto'
import type net from 'node:net'
import type { Consistency } from '@pgherd/core/routing'
import type { Credentials } from '../auth/scram-client.js'
import { ScramServer } from '../auth/scram-server.js'
import { mockVerifier } from '../auth/scram-verifier.js'
import type { UserDirectory } from '../auth/user-directory.js'
import { FROM_CLIENT } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import {
  authentication,
  makeError,
  negotiateVersion,
  type ServerReport,
} from '../protocol/server-messages.js'
import { readStartup, type StartupPacket, startupLength } from '../protocol/startup-packet.js'

import { readStartupSettings, type StartupSettings } from './startup-settings.js'

/** Who a client is and how it wants to be talked to. */
export interface Arrival {
  readonly user: string
  readonly database: string
  readonly applicationName: string
  /** Settings of its startup packet. */
  readonly settings: ReadonlyMap<string, string>
  /** What its reads may see, by its setting `pgherd.consistency`. */
  readonly consistency: Consistency
  readonly credentials: Credentials
  /** Minor version of protocol 3. */
  readonly minor: number
  /** Bytes that came after its login. */
  readonly rest: Buffer
}

/** What comes of a connection that may be none of a client. */
export type Greeting =
  | { readonly kind: 'client'; readonly arrival: Arrival }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer }
  | { readonly kind: 'gone' }

/** Told to the client before its connection is closed. */
export class Refusal extends Error {
  readonly report: ServerReport

  constructor(report: ServerReport) {
    super(report.message)
    this.report = report
  }
}

const NEWEST_MINOR = 2
const LONGEST_PASSWORD_MESSAGE = 65_535
const NO = Buffer.from('N')
const MECHANISM = 'SCRAM-SHA-256'
/** Of mock verifiers, so that a name has the same salt for as long as this process lives. */
const MOCK_SECRET = randomBytes(32)

/** Reads what a client says until it is logged in. Rejects with Refusal or ProtocolViolation. */
export async function shakeHands(socket: net.Socket, users: UserDirectory): Promise<Greeting> {
  const source = new ByteSource(socket)
  try {
    return await greet(socket, source, users)
  } finally {
    source.release()
  }
}

async function greet(socket: net.Socket, source: ByteSource, users: UserDirectory): Promise<Greeting> {
  let packet: StartupPacket
  let asked = 0
  for (;;) {
    const bytes = await source.startup()
    if (bytes === null) return { kind: 'gone' }
    packet = readStartup(bytes)
    if (packet.kind !== 'ssl' && packet.kind !== 'gss') break
    if (++asked > 2) throw new ProtocolViolation('too many requests for encryption')
    socket.write(NO)
  }
  if (packet.kind === 'cancel') return packet
  const { major, minor, parameters } = packet
  if (major !== 3) {
    throw new Refusal({
      severity: 'FATAL',
      code: '0A000',
      message: `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`,
    })
  }
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'))
  if (minor > NEWEST_MINOR || unknown.length > 0)
    socket.write(negotiateVersion(Math.min(minor, NEWEST_MINOR), unknown))
  const user = parameters.get('user')
  if (user === undefined || user === '') {
    throw new Refusal({
      severity: 'FATAL',
      code: '28000',
      message: 'no PostgreSQL user name specified in startup packet',
    })
  }
  const replication = parameters.get('replication')
  if (replication !== undefined && !['false', 'off', 'no', '0'].includes(replication)) {
    throw new Refusal({
      severity: 'FATAL',
      code: '0A000',
      message: 'replication connections are not possible through a proxy',
      hint: 'Connect to the node itself.',
    })
  }
  const settings = settingsOf(parameters)
  const credentials = await authenticate(socket, source, user, users)
  if (credentials === null) return { kind: 'gone' }
  return {
    kind: 'client',
    arrival: {
      user,
      database: parameters.get('database') || user,
      applicationName: parameters.get('application_name') ?? '',
      ...settings,
      credentials,
      minor: Math.min(minor, NEWEST_MINOR),
      rest: source.rest(),
    },
  }
}

function settingsOf(parameters: ReadonlyMap<string, string>): StartupSettings {
  try {
    return readStartupSettings(parameters)
  } catch (error) {
    throw new Refusal({
      severity: 'FATAL',
      code: '22023',
      message: (error as Error).message,
      hint: 'It is primary, session, eventual or bounded=N ms.',
    })
  }
}

/** SCRAM-SHA-256. Null when the client went away. */
async function authenticate(
  socket: net.Socket,
  source: ByteSource,
  user: string,
  users: UserDirectory,
): Promise<Credentials | null> {
  const known = await users.find(user)
  socket.write(authentication(10, Buffer.from(`${MECHANISM}\0\0`)))
  const first = await source.message()
  if (first === null) return null
  const { mechanism, data } = readInitialResponse(first)
  if (mechanism !== MECHANISM)
    throw new ProtocolViolation('client selected an invalid SASL authentication mechanism')
  const scram = new ScramServer(known?.verifier ?? mockVerifier(user, MOCK_SECRET), null, false)
  socket.write(authentication(11, Buffer.from(scram.begin(data))))
  const second = await source.message()
  if (second === null) return null
  const proven = scram.finish(passwordBody(second).toString('utf8'))
  if (proven === null || known === null) {
    // The next try asks the server again: the password may have been changed.
    users.forget(user)
    throw new Refusal({
      severity: 'FATAL',
      code: '28P01',
      message: `password authentication failed for user "${user}"`,
    })
  }
  socket.write(authentication(12, Buffer.from(proven.answer)))
  return known.credentials ?? { keys: proven.keys }
}

function passwordBody(message: Buffer): Buffer {
  if (message[0] !== FROM_CLIENT.password)
    throw new ProtocolViolation(`expected SASL response, got message type ${message[0]}`)
  return message.subarray(5)
}

function readInitialResponse(message: Buffer): { mechanism: string; data: string } {
  const body = passwordBody(message)
  const end = body.indexOf(0)
  if (end < 0 || body.length < end + 5) throw new ProtocolViolation('invalid message format')
  const length = body.readInt32BE(end + 1)
  const data = body.subarray(end + 5)
  if (length !== data.length) throw new ProtocolViolation('invalid message format')
  return { mechanism: body.toString('utf8', 0, end), data: data.toString('utf8') }
}

/** Tells a client why its connection is closed, and closes it. */
export function refuse(socket: net.Socket, error: Error): void {
  const report =
    error instanceof Refusal
      ? error.report
      : {
          severity: 'FATAL' as const,
          code: error instanceof ProtocolViolation ? error.sqlState : '57P03',
          message: error.message,
        }
  if (socket.writable) socket.end(makeError(report))
  socket.resume()
}

/** What a client sends, one piece after the other; null once it is gone. */
class ByteSource {
  readonly #socket: net.Socket
  #bytes: Buffer = Buffer.alloc(0)
  #gone = false
  #wake: (() => void) | null = null
  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#wake?.()
  }
  readonly #onGone = (): void => {
    this.#gone = true
    this.#wake?.()
  }

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('data', this.#onData).on('close', this.#onGone).on('end', this.#onGone)
  }

  async startup(): Promise<Buffer | null> {
    for (;;) {
      const length = startupLength(this.#bytes)
      if (length !== null && this.#bytes.length >= length) return this.#take(length)
      if (!(await this.#more())) return null
    }
  }

  async message(): Promise<Buffer | null> {
    const frames = new FrameReader(LONGEST_PASSWORD_MESSAGE)
    for (;;) {
      frames.push(this.#take(this.#bytes.length))
      const message = frames.next()
      if (message !== null) {
        this.#bytes = frames.rest()
        return message
      }
      if (!(await this.#more())) return null
    }
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async #more(): Promise<boolean> {
    if (this.#gone) return false
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = null
    return !this.#gone || this.#bytes.length > 0
  }

  rest(): Buffer {
    return this.#take(this.#bytes.length)
  }

  release(): void {
    this.#socket.off('data', this.#onData).off('close', this.#onGone).off('end', this.#onGone)
    this.#socket.pause()
  }
}
