import { randomBytes, timingSafeEqual } from 'node:crypto'
import { xor } from './scram-server.js'
import { hmac, keysOfPassword, type ScramKeys, sha256 } from './scram-verifier.js'

/** What a login is proven with: a password, or the keys that another login of the same user has shown. */
export type Credentials = { readonly password: string } | { readonly keys: ScramKeys }

/** The client's side of one login by SCRAM-SHA-256 or SCRAM-SHA-256-PLUS (RFC 5802). */
export class ScramClient {
  readonly #credentials: Credentials
  readonly #nonce = randomBytes(18).toString('base64')
  /** `c=` of RFC 5802: how the connection is bound, and to what. */
  readonly #header: string
  readonly #binding: Buffer
  #expected: Buffer | null = null

  /** `binding`: the server's certificate, as a hash (RFC 5929, tls-server-end-point); null: with none. */
  constructor(credentials: Credentials, binding: Buffer | null = null) {
    this.#credentials = credentials
    this.#header = binding === null ? 'n,,' : 'p=tls-server-end-point,,'
    this.#binding = binding ?? Buffer.alloc(0)
  }

  /** PostgreSQL takes the user's name from the startup packet. */
  begin(): string {
    return `${this.#header}n=,r=${this.#nonce}`
  }

  /** The proof for what the server has said first. Throws when that makes no sense. */
  prove(serverFirst: string): string {
    const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d+)/.exec(serverFirst)
    const [, nonce = '', salt = '', iterations = ''] = match ?? []
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce)
      throw new Error('malformed SCRAM message of the server')
    const { clientKey, serverKey } = this.#keys(Buffer.from(salt, 'base64'), Number(iterations))
    const bound = Buffer.concat([Buffer.from(this.#header), this.#binding])
    const withoutProof = `c=${bound.toString('base64')},r=${nonce}`
    const authMessage = `n=,r=${this.#nonce},${serverFirst},${withoutProof}`
    this.#expected = hmac(serverKey, authMessage)
    const proof = xor(clientKey, hmac(sha256(clientKey), authMessage))
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  #keys(salt: Buffer, iterations: number): ScramKeys {
    return 'keys' in this.#credentials
      ? this.#credentials.keys
      : keysOfPassword(this.#credentials.password, salt, iterations)
  }

  /** Throws when the server does not know the password either. */
  check(serverFinal: string): void {
    const signature = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(serverFinal)?.[1] ?? '', 'base64')
    if (
      this.#expected === null ||
      signature.length !== this.#expected.length ||
      !timingSafeEqual(signature, this.#expected)
    )
      throw new Error('the server could not prove that it knows the password')
  }
}
