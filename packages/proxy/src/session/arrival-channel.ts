import type net from 'node:net'
import tls from 'node:tls'
import type { TlsIdentity } from '../auth/tls-identity.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { startupLength } from '../protocol/startup-packet.js'

/** PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH. */
const LONGEST_PASSWORD_MESSAGE = 65_535
/** How a TLS handshake begins. */
const TLS_HANDSHAKE = 0x16
/** Asked for by clients that begin with TLS at once (PostgreSQL 17). */
const ALPN = 'postgresql'

/** The connection of a client that is not logged in yet: what it says, one piece after the other. */
export class ArrivalChannel {
  #socket: net.Socket
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
    this.#listen()
  }

  /** Where to answer: another one once it is secure. */
  get socket(): net.Socket {
    return this.#socket
  }

  get isSecure(): boolean {
    return this.#socket instanceof tls.TLSSocket
  }

  /** Something came that nobody waits for yet. */
  get isAhead(): boolean {
    return this.#bytes.length > 0
  }

  say(message: Buffer): void {
    this.#socket.write(message)
  }

  async beginsWithTls(): Promise<boolean> {
    while (this.#bytes.length === 0) if (!(await this.#more())) return false
    return this.#bytes[0] === TLS_HANDSHAKE
  }

  /** Null once the client is gone; so is `message`. Rejects with ProtocolViolation. */
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
      frames.push(this.rest())
      const message = frames.next()
      if (message !== null) {
        this.#bytes = frames.rest()
        return message
      }
      if (!(await this.#more())) return null
    }
  }

  /** Goes on with TLS. False when the client could not, or has no certificate where it must. */
  async secure({ context, asksForCertificate }: TlsIdentity, mustNameProtocol: boolean): Promise<boolean> {
    this.release()
    if (this.#bytes.length > 0) this.#socket.unshift(this.rest())
    const secured = new tls.TLSSocket(this.#socket, {
      isServer: true,
      secureContext: context,
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
      ALPNProtocols: [ALPN],
    })
    secured.on('error', () => {})
    this.#socket = secured
    const isDone = await new Promise<boolean>((resolve) => {
      secured.once('secure', () => resolve(true)).once('close', () => resolve(false))
    })
    this.#listen()
    if (!isDone || (mustNameProtocol && secured.alpnProtocol !== ALPN)) return false
    return !asksForCertificate || isTrusted(secured)
  }

  /** All that has come. */
  rest(): Buffer {
    return this.#take(this.#bytes.length)
  }

  /** From here on others listen. */
  release(): void {
    this.#socket.off('data', this.#onData).off('close', this.#onGone).off('end', this.#onGone)
    this.#socket.pause()
  }

  #listen(): void {
    this.#socket.on('data', this.#onData).on('close', this.#onGone).on('end', this.#onGone)
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async #more(): Promise<boolean> {
    if (this.#gone) return false
    const before = this.#bytes.length
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = null
    return this.#bytes.length > before
  }
}

/** Node looks at the certificates of clients in `tls.Server` alone; a socket has to be asked. */
function isTrusted(socket: tls.TLSSocket): boolean {
  const { ssl } = socket as unknown as { ssl?: { verifyError?(): Error | null | undefined } }
  if (typeof ssl?.verifyError !== 'function') return false
  return !ssl.verifyError() && Object.keys(socket.getPeerCertificate()).length > 0
}
