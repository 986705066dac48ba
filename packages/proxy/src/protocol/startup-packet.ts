import { ProtocolViolation } from './protocol-violation.js'

/** What a client sends first: it has no type, only a length and a code. */
export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer }
  | {
      readonly kind: 'startup'
      readonly major: number
      readonly minor: number
      /** `user`, `database`, `application_name`, … */
      readonly parameters: ReadonlyMap<string, string>
    }

/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH, and the length itself. */
const LONGEST = 10_004
const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102

/** How many bytes the packet has in all; null while that is not known. Throws ProtocolViolation. */
export function startupLength(bytes: Buffer): number | null {
  if (bytes.length < 4) return null
  const length = bytes.readInt32BE(0)
  if (length < 8 || length > LONGEST) throw new ProtocolViolation('invalid length of startup packet')
  return length
}

/** Reads a whole packet. Throws ProtocolViolation. */
export function readStartup(packet: Buffer): StartupPacket {
  const code = packet.readInt32BE(4)
  if (code === SSL_REQUEST) return { kind: 'ssl' }
  if (code === GSS_REQUEST) return { kind: 'gss' }
  if (code === CANCEL_REQUEST) {
    // Protocol 3.2 allows keys of up to 256 bytes.
    if (packet.length < 13 || packet.length > 12 + 256)
      throw new ProtocolViolation('invalid length of query cancel packet')
    return { kind: 'cancel', processId: packet.readInt32BE(8), secretKey: Buffer.from(packet.subarray(12)) }
  }
  return {
    kind: 'startup',
    major: code >>> 16,
    minor: code & 0xffff,
    parameters: readParameters(packet.subarray(8)),
  }
}

function readParameters(bytes: Buffer): Map<string, string> {
  const parameters = new Map<string, string>()
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    const endOfName = bytes.indexOf(0, at)
    const endOfValue = endOfName < 0 ? -1 : bytes.indexOf(0, endOfName + 1)
    if (endOfValue < 0) break
    parameters.set(bytes.toString('utf8', at, endOfName), bytes.toString('utf8', endOfName + 1, endOfValue))
    at = endOfValue + 1
  }
  if (at !== bytes.length - 1)
    throw new ProtocolViolation('invalid startup packet layout: expected terminator as last byte')
  return parameters
}
