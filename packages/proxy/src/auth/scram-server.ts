import { randomBytes, timingSafeEqual } from 'node:crypto'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import { hmac, KEY_LENGTH, type ScramKeys, type ScramVerifier, sha256 } from './scram-verifier.js'

const NONCE_BYTES = 18

/** How the connection itself can be proven to be the one that the client sees (RFC 5929). */
export interface ChannelBinding {
  /** `tls-server-end-point`: the hash of our certificate. */
  readonly data: Buffer
}

interface ClientFirst {
  /** `n,,`, `y,,` or `p=tls-server-end-point,,` */
  readonly header: string
  readonly bare: string
  readonly nonce: string
}

/** The server's side of one login by SCRAM-SHA-256 or SCRAM-SHA-256-PLUS (RFC 5802). */
export class ScramServer {
  readonly #verifier: ScramVerifier
  readonly #binding: ChannelBinding | null
  readonly #offersBinding: boolean
  #first: ClientFirst | null = null
  #serverFirst = ''
  #nonce = ''

  /** `binding` only when the client chose -PLUS; `offersBinding` when it could have. */
  constructor(verifier: ScramVerifier, binding: ChannelBinding | null, offersBinding: boolean) {
    this.#verifier = verifier
    this.#binding = binding
    this.#offersBinding = offersBinding
  }

  /** Takes the client's first message, gives the server's. Throws ProtocolViolation. */
  begin(message: string): string {
    const match =
      /^(n,|y,|p=([^,]*),)(a=[^,]*)?,((?:m=[^,]*,)?n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(message)
    if (match === null) throw malformed(whyNoFirst(message))
    const [, flag, name, authzid, bare, nonce] = match as unknown as [
      string,
      string,
      string | undefined,
      string | undefined,
      string,
      string,
    ]
    if (authzid !== undefined)
      throw new ProtocolViolation('client uses authorization identity, but it is not supported', '0A000')
    if (bare.startsWith('m='))
      throw new ProtocolViolation('client requires an unsupported SCRAM extension', '0A000')
    if (flag.startsWith('p=') !== (this.#binding !== null)) throw malformed(this.#whyNoBinding())
    if (name !== undefined && name !== 'tls-server-end-point')
      throw new ProtocolViolation(`unsupported SCRAM channel-binding type "${name}"`)
    if (flag === 'y,' && this.#offersBinding)
      throw new ProtocolViolation('SCRAM channel binding negotiation error', '28000')
    this.#first = { header: `${flag},`, bare, nonce }
    this.#nonce = nonce + randomBytes(NONCE_BYTES).toString('base64')
    const { salt, iterations } = this.#verifier
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`
    return this.#serverFirst
  }

  /** Takes the client's proof; null when it does not fit. Throws ProtocolViolation. */
  finish(message: string): { readonly answer: string; readonly keys: ScramKeys } | null {
    const { header, bare } = this.#first as ClientFirst
    const match = /^(c=([A-Za-z0-9+/=]*),r=([^,]*)(?:,[^p].*)?),p=([A-Za-z0-9+/=]+)$/.exec(message)
    if (match === null) throw malformed()
    const [, withoutProof, binding, nonce, proofText] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
    ]
    const expected = Buffer.concat([Buffer.from(header), this.#binding?.data ?? Buffer.alloc(0)])
    if (binding !== expected.toString('base64')) throw this.#wrongBinding()
    const proof = Buffer.from(proofText, 'base64')
    if (proof.length !== KEY_LENGTH) throw malformed('Malformed proof in client-final-message.')
    if (nonce !== this.#nonce)
      throw new ProtocolViolation('invalid SCRAM response', undefined, 'Nonce does not match.')
    const { storedKey, serverKey } = this.#verifier
    const authMessage = `${bare},${this.#serverFirst},${withoutProof}`
    const signature = hmac(storedKey, authMessage)
    const clientKey = xor(proof, signature)
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return null
    return {
      answer: `v=${hmac(serverKey, authMessage).toString('base64')}`,
      keys: { clientKey, serverKey },
    }
  }

  #whyNoBinding(): string {
    return this.#binding === null
      ? 'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.'
      : 'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.'
  }

  #wrongBinding(): ProtocolViolation {
    return this.#binding === null
      ? new ProtocolViolation('unexpected SCRAM channel-binding attribute in client-final-message')
      : new ProtocolViolation('SCRAM channel binding check failed', '28000')
  }
}

function malformed(detail?: string): ProtocolViolation {
  return new ProtocolViolation('malformed SCRAM message', undefined, detail)
}

function whyNoFirst(message: string): string | undefined {
  if (message === '') return 'The message is empty.'
  return /^[nyp]/.test(message) ? undefined : `Unexpected channel-binding flag "'${message[0]}'".`
}

export function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] as number)))
}
