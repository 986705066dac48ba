import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readState, writeDurably } from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'
import { CALLERS_WITHOUT_TOKEN } from './guard.js'

/** A token as the disk has it: whoever reads the file cannot use it. */
export interface StoredToken {
  readonly name: string
  /**
   * SHA-256 of the token, in hexadecimal. A slow hash is for passwords, which can be guessed; 256 random bits
   * cannot, and a slow one would let anybody who sends wrong tokens keep the processor busy.
   */
  readonly hash: string
  readonly readOnly: boolean
  readonly createdAt: string
  /** ISO 8601; null: never. */
  readonly expiresAt: string | null
}

const PREFIX = 'pgherd_'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** The tokens of a herd, in a file that only its owner can read. */
export class TokenStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async list(): Promise<readonly StoredToken[]> {
    return (await readState(this.#path, isTokens)) ?? []
  }

  /** Makes a token and resolves to it; it is not shown again. Throws USAGE. */
  async create(name: string, options: { readOnly: boolean; expiresAt: Date | null }): Promise<string> {
    if (!NAME.test(name))
      throw new HerdError(
        'USAGE',
        `${JSON.stringify(name)} cannot be the name of a token: letters, digits, "-", "_" and "." can, at most 64.`,
      )
    if (CALLERS_WITHOUT_TOKEN.includes(name))
      throw new HerdError('USAGE', `"${name}" is what the audit log calls callers without a token.`, {
        hint: 'Give the token another name.',
      })
    const tokens = await this.list()
    if (tokens.some((token) => token.name === name))
      throw new HerdError('USAGE', `There is a token "${name}" already.`, {
        hint: `Give this one another name, or take that one back: pgherd token revoke ${name}`,
      })
    const token = `${PREFIX}${randomBytes(32).toString('base64url')}`
    const stored: StoredToken = {
      name,
      hash: hashOf(token).toString('hex'),
      readOnly: options.readOnly,
      createdAt: new Date().toISOString(),
      expiresAt: options.expiresAt?.toISOString() ?? null,
    }
    await this.#write([...tokens, stored])
    return token
  }

  /** Throws UNKNOWN_TOKEN. */
  async revoke(name: string): Promise<void> {
    const tokens = await this.list()
    const left = tokens.filter((token) => token.name !== name)
    if (left.length === tokens.length) {
      const known = tokens.map((token) => token.name).join(', ') || 'none'
      throw new HerdError('UNKNOWN_TOKEN', `There is no token "${name}"; there are: ${known}.`)
    }
    await this.#write(left)
  }

  /** The token this is, if it is one and has not expired. Each is compared in constant time. */
  async find(token: string, now: Date): Promise<StoredToken | null> {
    const hash = hashOf(token)
    let found: StoredToken | null = null
    for (const each of await this.list())
      if (timingSafeEqual(Buffer.from(each.hash, 'hex'), hash)) found = each
    if (found === null || (found.expiresAt !== null && now >= new Date(found.expiresAt))) return null
    return found
  }

  async #write(tokens: readonly StoredToken[]): Promise<void> {
    await writeDurably(this.#path, `${JSON.stringify(tokens, null, 2)}\n`)
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function isTokens(value: unknown): value is StoredToken[] {
  return (
    Array.isArray(value) &&
    value.every(({ name, hash }) => typeof name === 'string' && /^[0-9a-f]{64}$/.test(String(hash)))
  )
}
