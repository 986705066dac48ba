import { randomBytes, timingSafeEqual } from 'node:crypto'
import { xor } from './scram-server.js'
import { hmac, keysOfPassword, type ScramKeys, sha256 } from './scram-verifier.js'

/** What a login is proven with: a password, or the keys that another login of the same user has shown. */
export type Credentials = { readonly password: string } | { readonly keys: ScramKeys }

/** The client's side of one login by SCRAM-SHA-256 (RFC 5802), with no channel binding. */
export class ScramClient {
  readonly #credentials: Credentials
  readonly #nonce = randomBytes(18).toString('base64')
  #expected: Buffer | null = null

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  /** PostgreSQL takes the user's name from the startup packet. */
  begin(): string {
    return `n,,n=,r=${this.#nonce}`
  }

  /** The proof for what the server has said first. Throws when that makes no sense. */
  prove(serverFirst: string): string {
    const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d+)/.exec(serverFirst)
    const [, nonce = '', salt = '', iterations = ''] = match ?? []
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce)
      throw new Error('malformed SCRAM message of the server')
    const { clientKey, serverKey } = this.#keys(Buffer.from(salt, 'base64'), Number(iterations))
    const withoutProof = `c=biws,r=${nonce}`
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
