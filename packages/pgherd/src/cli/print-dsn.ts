import { dsnOf, type LeftHerd, proxyDsnOf } from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'

export interface DsnOptions {
  proxy?: boolean
  nodes?: boolean
  superuser?: boolean
}

/**
 * The connection string that was asked for. Without a wish it leads to what is the whole database for any client:
 * of a sharded herd that is its proxy, since the nodes of its home group have only a part. Throws UNKNOWN_NODE, USAGE, HERD_NOT_RUNNING. */
export async function printDsn(
  herd: LeftHerd,
  node: string | undefined,
  options: DsnOptions,
): Promise<string> {
  const role = options.superuser ? 'superuser' : 'application'
  if ([node !== undefined, options.proxy, options.nodes].filter(Boolean).length > 1)
    throw new HerdError(
      'USAGE',
      'A connection string is of a node, of the nodes or of the proxy: of one of them.',
    )
  const dsn = node === undefined && !options.nodes ? await proxyDsnOf(herd, role) : null
  const isWanted = options.proxy || herd.identity.spec.sharding !== undefined
  if (dsn !== null && isWanted) return dsn
  if (!options.proxy) return dsnOf(herd, node ?? null, role)
  throw herd.identity.spec.proxy
    ? new HerdError('HERD_NOT_RUNNING', 'This herd has had no proxy yet.', {
        hint: 'The next "pgherd up" starts one.',
      })
    : new HerdError('USAGE', 'The spec of this herd says that it has no proxy.', {
        hint: 'Take "proxy: false" out of it, and start the herd again.',
      })
}
