import type { ProxyOptions } from '../proxy-options.js'
import type { TenantLimits } from '../server/tenant.js'

/** What one of several gets of so many: shares differ by one at most, and none gets nothing. */
export function shareOf(total: number, worker: number, workers: number): number {
  const rest = total % workers
  return Math.max(1, Math.floor(total / workers) + (worker < rest ? 1 : 0))
}

/** The options of all workers, with one worker's share of the connections to servers. */
export function optionsOfWorker(
  options: ProxyOptions,
  { maxOwn, maxLanes }: Pick<TenantLimits, 'maxOwn' | 'maxLanes'>,
  worker: number,
  workers: number,
): ProxyOptions {
  return {
    ...options,
    metricsPort: null,
    maxServers: shareOf(maxOwn, worker, workers),
    lanes: { ...options.lanes, max: shareOf(maxLanes, worker, workers) },
  }
}
