import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

const ITERATIONS = 4096
const SALT_BYTES = 16
const KEY_BYTES = 32

/**
 * What PostgreSQL keeps of a role's password (RFC 5802, section 3; src/common/scram-common.c,
 * `scram_build_secret`). Given a verifier instead of a password, a server makes no salt of its own: so all
 * groups of a herd have the same, and one server can pass on to another what a client proved to it
 * (`use_scram_passthrough` of postgres_fdw).
 *
 * The salt follows from the password and the role, so that it need not be kept. It tells nothing of a
 * password of 144 random bits. ASCII only: others would have to be normalized first.
 */
export function scramVerifier(role: string, password: string): string {
  const salt = createHash('sha256').update(`pgherd ${role} ${password}`).digest().subarray(0, SALT_BYTES)
  const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, 'sha256')
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
