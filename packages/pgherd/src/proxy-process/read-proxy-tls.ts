import { readFileSync } from 'node:fs'
import { HerdError } from '@pgherd/core'
import type { ProxySpec } from '@pgherd/core/spec'
import type { TlsOptions } from '@pgherd/proxy'

/** The certificate that a spec names, read from its files. Throws OPTIONS_INVALID. */
export function readProxyTls(tls: ProxySpec['tls']): { tls?: TlsOptions } {
  if (tls === null) return {}
  const { cert, key, ca, required } = tls
  return {
    tls: {
      cert: readPem(cert),
      key: readPem(key),
      ...(ca === null ? {} : { ca: readPem(ca) }),
      ...(required === undefined ? {} : { required }),
    },
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new HerdError('OPTIONS_INVALID', `The file ${path}, named for TLS, cannot be read (${code}).`, {
      cause,
    })
  }
}
