import { createPrivateKey, X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import { HerdError } from '@pgherd/core'
import { certificateHash } from './certificate-hash.js'

/** TLS towards clients; texts in PEM. */
export interface TlsOptions {
  /** The certificate, and those that lead from it to one that clients trust. */
  cert: string | Buffer
  /** Its private key. */
  key: string | Buffer
  /** Who signs the certificates of clients: each must show one then, besides its password. */
  ca?: string | Buffer
  /** Whether clients without TLS are refused: not, unless there is a `ca`. */
  required?: boolean
}

/** What the proxy shows to clients that ask for TLS. */
export interface TlsIdentity {
  readonly context: tls.SecureContext
  readonly asksForCertificate: boolean
  readonly required: boolean
  /** Our certificate, for SCRAM-SHA-256-PLUS; null: it is of a kind that cannot be bound to. */
  readonly binding: Buffer | null
}

/** Throws OPTIONS_INVALID. */
export function readTlsOptions({ cert, key, ca, required = ca !== undefined }: TlsOptions): TlsIdentity {
  if (ca !== undefined && !required)
    throw new HerdError(
      'OPTIONS_INVALID',
      '`tls.ca` asks clients for a certificate, which one without TLS has not: leave `tls.required` out.',
    )
  try {
    const certificate = new X509Certificate(cert)
    // OpenSSL keeps certificates by the kind of their keys, and finds nothing wrong with two that are not one pair.
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key is of another certificate')
    return {
      context: tls.createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) }),
      asksForCertificate: ca !== undefined,
      required,
      binding: certificateHash(certificate),
    }
  } catch (error) {
    throw new HerdError(
      'OPTIONS_INVALID',
      `\`tls\` has no certificate with its key, both in PEM: ${(error as Error).message}`,
    )
  }
}
