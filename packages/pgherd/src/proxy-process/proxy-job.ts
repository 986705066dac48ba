import { createHash } from 'node:crypto'
import type { Herd } from '@pgherd/cluster'
import type { ProxySpec } from '@pgherd/core/spec'
import type { ProxyOptions } from '@pgherd/proxy'

/** What the process of a proxy is told by whoever starts it, over a channel that nobody else reads. */
export interface ProxyJob {
  readonly options: ProxyOptions
  /** Files of its certificate, which it reads itself, and again at a reload. */
  readonly tls: ProxySpec['tls']
  /** Of what cannot be changed while it runs: two jobs with the same one differ by a reload at most. */
  readonly fingerprint: string
  readonly record: string
  readonly socket: string
}

/** What the process says once. */
export type ProxyReport =
  | { readonly kind: 'serving'; readonly address: { readonly host: string; readonly port: number } }
  | { readonly kind: 'failed'; readonly message: string }

/** What the proxy of a herd is to do; null where there is to be none. */
export function proxyJobOf(herd: Herd, version: string): ProxyJob | null {
  const { spec, proxyAddress, paths } = herd
  const [group] = spec.groups
  if (spec.proxy === false || proxyAddress === null || group === undefined) return null
  const {
    workers,
    maxClients,
    maxClientsPerUser,
    maxClientsPerDatabase,
    maxServers,
    lanes,
    adminUsers,
    metricsPort,
    tls,
  } = spec.proxy
  const fixed = {
    ...proxyAddress,
    supervisor: paths.socket,
    metricsPort,
    workers,
  }
  return {
    options: {
      ...fixed,
      nodes: herd.servingDsns(group.name),
      maxClients,
      maxClientsPerUser,
      maxClientsPerDatabase,
      maxServers,
      lanes: { max: lanes },
      adminUsers,
    },
    tls,
    fingerprint: createHash('sha256').update(JSON.stringify({ fixed, version })).digest('hex'),
    record: paths.proxyRecord,
    socket: paths.proxySocket,
  }
}
