import type net from 'node:net'
import type { Consistency } from '@pgherd/core/routing'
import type { Credentials } from '../auth/scram-client.js'
import { ScramServer } from '../auth/scram-server.js'
import { mockVerifier } from '../auth/scram-verifier.js'
import type { TlsIdentity } from '../auth/tls-identity.js'
import type { UserDirectory } from '../auth/user-directory.js'
import { FROM_CLIENT } from '../protocol/client-messages.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import {
  authentication,
  makeError,
  makeOldError,
  negotiateVersion,
  type ServerReport,
} from '../protocol/server-messages.js'
import { readStartup, type StartupPacket } from '../protocol/startup-packet.js'
import { LoginRefused } from '../server/server-connection.js'
import { ArrivalChannel } from './arrival-channel.js'
import { sayFarewell } from './farewell.js'
import { readStartupSettings, type StartupSettings } from './startup-settings.js'

/** Who a client is and how it wants to be talked to. */
export interface Arrival {
  /** Not the one it came by, if it has turned to TLS. */
  readonly socket: net.Socket
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
  /** It has been told why. */
  | { readonly kind: 'refused' }

/** What those who arrive are held against. */
export interface Door {
  readonly users: UserDirectory
  /** Null: no TLS. */
  readonly tls: TlsIdentity | null
  /** Of mock verifiers, so that a name has the same salt for as long as the proxy lives, whichever worker answers. */
  readonly mockSecret: Buffer
}

/** Told to the client before its connection is closed. */
export class Refusal extends Error {
  readonly report: ServerReport

  constructor(report: ServerReport) {
    super(report.message)
    this.report = report
  }
}

const NEWEST_MINOR = 2
const NO = Buffer.from('N')
const YES = Buffer.from('S')
const GONE: Greeting = { kind: 'gone' }
const PLAIN = 'SCRAM-SHA-256'
const BOUND = 'SCRAM-SHA-256-PLUS'

/** Reads what a client says until it is logged in. */
export async function shakeHands(socket: net.Socket, door: Door): Promise<Greeting> {
  const channel = new ArrivalChannel(socket)
  try {
    const greeting = await greet(channel, door)
    channel.release()
    return greeting
  } catch (error) {
    channel.release()
    refuse(channel.socket, error as Error)
    return { kind: 'refused' }
  }
}

async function greet(channel: ArrivalChannel, door: Door): Promise<Greeting> {
  if ((await channel.beginsWithTls()) && (door.tls === null || !(await channel.secure(door.tls, true))))
    return GONE
  const packet = await agreeOnEncryption(channel, door.tls)
  if (packet === null) return GONE
  if (packet.kind === 'cancel') return packet
  if (packet.kind !== 'startup') throw unsupportedVersion(1234, packet.kind === 'ssl' ? 5679 : 5680)
  const { major, minor, parameters } = packet
  if (major < 3) {
    // Who speaks such a protocol reads errors in its way.
    channel.say(makeOldError(unsupportedVersion(major, minor).report))
    channel.release()
    sayFarewell(channel.socket)
    return { kind: 'refused' }
  }
  if (major > 3) throw unsupportedVersion(major, minor)
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'))
  if (minor > NEWEST_MINOR || unknown.length > 0)
    channel.say(negotiateVersion(Math.min(minor, NEWEST_MINOR), unknown))
  const user = parameters.get('user')
  if (user === undefined || user === '')
    throw refusal('28000', 'no PostgreSQL user name specified in startup packet')
  refuseReplication(parameters.get('replication'))
  if (door.tls?.required && !channel.isSecure) {
    throw refusal('28000', `no entry for user "${user}" without encryption: connections must use TLS`, {
      hint: 'Connect with sslmode=require.',
    })
  }
  const settings = settingsOf(parameters)
  const credentials = await authenticate(channel, user, door)
  if (credentials === null) return GONE
  return {
    kind: 'client',
    arrival: {
      socket: channel.socket,
      user,
      database: parameters.get('database') || user,
      applicationName: parameters.get('application_name') ?? '',
      ...settings,
      credentials,
      minor: Math.min(minor, NEWEST_MINOR),
      rest: channel.rest(),
    },
  }
}

function settingsOf(parameters: ReadonlyMap<string, string>): StartupSettings {
  try {
    return readStartupSettings(parameters)
  } catch (error) {
    throw refusal('22023', (error as Error).message, {
      hint: 'It is primary, session, eventual or bounded=N ms.',
    })
  }
}

/** Each kind of encryption may be asked for once, and none under another: PostgreSQL's ProcessStartupPacket. */
async function agreeOnEncryption(
  channel: ArrivalChannel,
  tls: TlsIdentity | null,
): Promise<StartupPacket | null> {
  let mayAskForTls = !channel.isSecure
  let mayAskForGss = !channel.isSecure
  for (;;) {
    const bytes = await channel.startup()
    if (bytes === null) return null
    const packet = readStartup(bytes)
    if (packet.kind === 'ssl' && mayAskForTls) {
      mayAskForTls = false
      if (tls === null) channel.say(NO)
      refuseAhead(channel, 'SSL request')
      if (tls === null) continue
      mayAskForGss = false
      channel.say(YES)
      if (!(await channel.secure(tls, false))) return null
    } else if (packet.kind === 'gss' && mayAskForGss) {
      mayAskForGss = false
      channel.say(NO)
      refuseAhead(channel, 'GSSAPI encryption request')
    } else return packet
  }
}

/** Bytes that are there before the answer were not encrypted: somebody may have put them in (CVE-2021-23214). */
function refuseAhead(channel: ArrivalChannel, what: string): void {
  if (!channel.isAhead) return
  throw refusal('08P01', `received unencrypted data after ${what}`, {
    detail:
      'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  })
}

function refuseReplication(wanted: string | undefined): void {
  if (wanted === undefined || isFalse(wanted)) return
  if (wanted !== 'database' && !isTrue(wanted)) {
    throw refusal('22023', `invalid value for parameter "replication": "${wanted}"`, {
      hint: 'Valid values are: "false", 0, "true", 1, "database".',
    })
  }
  throw refusal('0A000', 'replication connections are not possible through a proxy', {
    hint: 'Connect to the node itself.',
  })
}

/** PostgreSQL's parse_bool: any beginning of a word that only one has. */
const isFalse = (text: string): boolean => /^(f(a(l(s(e)?)?)?)?|n(o)?|of(f)?|0)$/i.test(text)
const isTrue = (text: string): boolean => /^(t(r(u(e)?)?)?|y(e(s)?)?|on|1)$/i.test(text)

/** SCRAM-SHA-256, bound to the TLS connection if the client wants that. Null when the client went away. */
async function authenticate(
  channel: ArrivalChannel,
  user: string,
  { users, tls, mockSecret }: Door,
): Promise<Credentials | null> {
  const binding = channel.isSecure ? (tls?.binding ?? null) : null
  const known = await users.find(user)
  const mechanisms = binding === null ? [PLAIN] : [BOUND, PLAIN]
  channel.say(authentication(10, Buffer.from(`${mechanisms.join('\0')}\0\0`)))
  const first = await saslMessage(channel, user)
  if (first === null) return null
  const { mechanism, data } = readInitialResponse(first)
  if (!mechanisms.includes(mechanism))
    throw new ProtocolViolation('client selected an invalid SASL authentication mechanism')
  const scram = new ScramServer(
    known?.verifier ?? mockVerifier(user, mockSecret),
    mechanism === BOUND && binding !== null ? { data: binding } : null,
    binding !== null,
  )
  channel.say(authentication(11, Buffer.from(scram.begin(data))))
  const second = await saslMessage(channel, user)
  if (second === null) return null
  const proven = scram.finish(second.toString('utf8'))
  if (proven === null || known === null) {
    // The next try asks the server again: the password may have been changed.
    users.doubt()
    throw wrongPassword(user)
  }
  channel.say(authentication(12, Buffer.from(proven.answer)))
  return known.credentials ?? { keys: proven.keys }
}

/** What a client answers; null when it went away. */
async function saslMessage(channel: ArrivalChannel, user: string): Promise<Buffer | null> {
  let message: Buffer | null
  try {
    message = await channel.message()
  } catch {
    // A length that is impossible is to PostgreSQL a login that failed.
    throw wrongPassword(user)
  }
  if (message === null) return null
  if (message[0] !== FROM_CLIENT.password)
    throw new ProtocolViolation(`expected SASL response, got message type ${message[0]}`)
  return message.subarray(5)
}

function readInitialResponse(body: Buffer): { mechanism: string; data: string } {
  const end = body.indexOf(0)
  if (end < 0) throw new ProtocolViolation('invalid string in message')
  if (body.length < end + 5) throw new ProtocolViolation('insufficient data left in message')
  const length = body.readInt32BE(end + 1)
  const data = body.subarray(end + 5)
  if (length > data.length) throw new ProtocolViolation('insufficient data left in message')
  if (length !== data.length) throw new ProtocolViolation('invalid message format')
  return { mechanism: body.toString('utf8', 0, end), data: data.toString('utf8') }
}

function refusal(code: string, message: string, more: { detail?: string; hint?: string } = {}): Refusal {
  return new Refusal({ severity: 'FATAL', code, message, ...more })
}

function wrongPassword(user: string): Refusal {
  return refusal('28P01', `password authentication failed for user "${user}"`)
}

function unsupportedVersion(major: number, minor: number): Refusal {
  return refusal(
    '0A000',
    `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`,
  )
}

/** Tells a client why its connection is closed, and closes it. */
export function refuse(socket: net.Socket, error: Error): void {
  sayFarewell(socket, refusalText(error))
}

function refusalText(error: Error): Buffer {
  if (error instanceof LoginRefused) return error.report
  if (error instanceof Refusal) return makeError(error.report)
  if (!(error instanceof ProtocolViolation))
    return makeError({ severity: 'FATAL', code: '57P03', message: error.message })
  const { sqlState, message, detail } = error
  return makeError({
    severity: 'FATAL',
    code: sqlState,
    message,
    ...(detail === undefined ? {} : { detail }),
  })
}
