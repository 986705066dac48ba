import { createHash, type X509Certificate } from 'node:crypto'

/** By the last bytes of the OIDs: RSA (1.2.840.113549.1.1.…) and ECDSA (1.2.840.10045.4.…). */
const SIGNATURE_HASH: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'md5',
  '2a864886f70d010105': 'sha1',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a8648ce3d0401': 'sha1',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
}
/** RSASSA-PSS names its hash in its parameters. */
const PSS = '2a864886f70d01010a'
const HASH: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha1',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
}
const OBSOLETE: ReadonlySet<string> = new Set(['md5', 'sha1'])

/**
 * A certificate as `tls-server-end-point` knows it (RFC 5929, section 4): hashed as its signature is, but
 * never with MD5 or SHA-1. Null where the signature has no hash of its own (Ed25519): PostgreSQL has no
 * channel binding then either.
 */
export function certificateHash({ raw }: X509Certificate): Buffer | null {
  const hash = signatureHash(raw)
  return hash === null
    ? null
    : createHash(OBSOLETE.has(hash) ? 'sha256' : hash)
        .update(raw)
        .digest()
}

/** Node tells the algorithm only from version 24 on, so it is read: the second part of the certificate. */
function signatureHash(der: Buffer): string | null {
  const [, algorithm] = parts(der, element(der, 0)) as [Element, Element]
  const [oid, parameters] = parts(der, algorithm)
  const name = hex(der, oid as Element)
  if (name !== PSS) return SIGNATURE_HASH[name] ?? null
  // [0] { SEQUENCE { OID of the hash … } }; SHA-1 where it is not said.
  const first = parameters === undefined ? undefined : parts(der, parameters)[0]
  if (first === undefined || first.tag !== 0xa0) return 'sha1'
  const [hash] = parts(der, parts(der, first)[0] as Element)
  return HASH[hex(der, hash as Element)] ?? null
}

/** A value of ASN.1 in DER: X.690. */
interface Element {
  readonly tag: number
  readonly from: number
  readonly to: number
}

function element(der: Buffer, at: number): Element {
  const tag = der[at] as number
  const length = der[at + 1] as number
  if (length < 0x80) return { tag, from: at + 2, to: at + 2 + length }
  const bytes = length & 0x7f
  const from = at + 2 + bytes
  return { tag, from, to: from + der.readUIntBE(at + 2, bytes) }
}

function parts(der: Buffer, { from, to }: Element): Element[] {
  const found: Element[] = []
  for (let at = from; at < to; ) {
    const part = element(der, at)
    found.push(part)
    at = part.to
  }
  return found
}

function hex(der: Buffer, { from, to }: Element): string {
  return der.toString('hex', from, to)
}
