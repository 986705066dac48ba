import { type ProxyOptions, readProxyOptions } from './proxy-options.js'
import type { ProxyOwner, ServingProxy } from './serving-proxy.js'
import { WireProxy } from './wire-proxy.js'

/**
 * Starts a proxy of as many processes as `options.workers` says; of one, it is this process. Resolves when
 * clients can connect. Rejects with OPTIONS_INVALID, or what listening says (EADDRINUSE).
 */
export async function startProxy(options: ProxyOptions, owner: ProxyOwner = {}): Promise<ServingProxy> {
  if (readProxyOptions(options).workers === 1) return WireProxy.start(options, owner)
  // One process has no use for it.
  const { Coordinator } = await import('./workers/coordinator.js')
  return Coordinator.start(options, owner)
}
