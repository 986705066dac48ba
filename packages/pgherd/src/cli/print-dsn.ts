import { dsnOf, type LeftHerd, proxyDsnOf } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'

export interface DsnOptions {
  proxy?: boolean
  superuser?: boolean
}

/** The connection string that was asked for. Throws UNKNOWN_NODE, USAGE, HERD_NOT_RUNNING. */
export async function printDsn(
  herd: LeftHerd,
  node: string | undefined,
  options: DsnOptions,
): Promise<string> {
  const role = options.superuser ? 'superuser' : 'application'
  if (!options.proxy) return dsnOf(herd, node ?? null, role)
  if (node !== undefined)
    throw new HerdError('USAGE', 'A connection string is of a node or of the proxy, not of both.')
  const dsn = await proxyDsnOf(herd, role)
  if (dsn !== null) return dsn
  throw herd.identity.spec.proxy
    ? new HerdError('HERD_NOT_RUNNING', 'This herd has had no proxy yet.', {
        hint: 'The next "pgherd up" starts one.',
      })
    : new HerdError('USAGE', 'The spec of this herd says that it has no proxy.', {
        hint: 'Take "proxy: false" out of it, and start the herd again.',
      })
}
