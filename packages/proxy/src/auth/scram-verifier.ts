import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** What PostgreSQL stores of a password (RFC 5802, RFC 7677): enough to check it, not to know it. */
export interface ScramVerifier {
  readonly iterations: number
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/**
 * What a login proves, and what is enough to log in elsewhere as the same user, where the same verifier
 * is stored: all nodes of a herd.
 */
export interface ScramKeys {
  readonly clientKey: Buffer
  readonly serverKey: Buffer
}

const PATTERN =
  /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/ /** Of SHA-256, in bytes. */
export const KEY_LENGTH = 32

export function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Reads `pg_authid.rolpassword`; null when it is no SCRAM verifier. */
export function readVerifier(text: string): ScramVerifier | null {
  const match = PATTERN.exec(text)
  if (match === null) return null
  const [, iterations, salt, storedKey, serverKey] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
  ]
  const verifier = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  }
  const isWhole = verifier.storedKey.length === KEY_LENGTH && verifier.serverKey.length === KEY_LENGTH
  return isWhole && verifier.iterations > 0 ? verifier : null
}

/** The keys of a password under a salt. */
export function keysOfPassword(password: string, salt: Buffer, iterations: number): ScramKeys {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, KEY_LENGTH, 'sha256')
  return { clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') }
}

export function makeVerifier(password: string, salt = randomBytes(16), iterations = 4096): ScramVerifier {
  const { clientKey, serverKey } = keysOfPassword(password, salt, iterations)
  return { iterations, salt, storedKey: sha256(clientKey), serverKey }
}

/**
 * A verifier that no password fits, the same each time for one name, so that whoever asks cannot tell a
 * user that does not exist from a wrong password.
 */
export function mockVerifier(user: string, secret: Buffer): ScramVerifier {
  const salt = hmac(secret, user).subarray(0, 16)
  return { iterations: 4096, salt, storedKey: randomBytes(KEY_LENGTH), serverKey: randomBytes(KEY_LENGTH) }
}
