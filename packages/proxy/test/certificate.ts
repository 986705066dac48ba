import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Files in PEM and what is in them. */
export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: 'ignore' })
}

export const KINDS = {
  'RSA with SHA-256': ['rsa:2048', '-sha256'],
  'RSA with SHA-512': ['rsa:2048', '-sha512'],
  'RSA with SHA-1': ['rsa:2048', '-sha1'],
  'RSASSA-PSS with SHA-384': [
    'rsa:2048',
    '-sha384',
    '-sigopt',
    'rsa_padding_mode:pss',
    '-sigopt',
    'rsa_pss_saltlen:-1',
  ],
  'ECDSA with SHA-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-sha384'],
  Ed25519: ['ed25519'],
} as const

/** A certificate for localhost that is its own authority, or of `by`. */
export function makeCertificate(kind: keyof typeof KINDS, name = 'localhost', by?: Certificate): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'pgherd-certificate-'))
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const [newKey, ...more] = KINDS[kind]
  const common = ['-keyout', keyFile, '-nodes', '-subj', `/CN=${name}`]
  if (by === undefined) {
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    openssl('req', '-x509', '-days', '2', '-newkey', newKey, ...more, ...common, ...names, '-out', certFile)
  } else {
    const request = join(folder, 'request.pem')
    openssl('req', '-new', '-newkey', newKey, ...more, ...common, '-out', request)
    const signer = ['-CA', by.certFile, '-CAkey', by.keyFile, '-CAcreateserial']
    openssl('x509', '-req', '-days', '2', '-in', request, ...signer, '-out', certFile)
  }
  return {
    certFile,
    keyFile,
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
  }
}

/** The bytes of a certificate, hashed by openssl. */
export function opensslHash({ certFile }: Certificate, hash: string): Buffer {
  const der = execFileSync('openssl', ['x509', '-in', certFile, '-outform', 'der'])
  const file = `${certFile}.der`
  writeFileSync(file, der)
  return execFileSync('openssl', ['dgst', `-${hash}`, '-binary', file])
}
