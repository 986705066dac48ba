import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'

/** Memory, processor time and the like of one process, as the library hands them on. */
export type ProcessFigures = readonly object[]

const OWN = new Registry()
let isMeasuring = false

function own(): Registry {
  if (!isMeasuring) collectDefaultMetrics({ register: OWN })
  isMeasuring = true
  return OWN
}

/** Those of this process. */
export function processFigures(): Promise<ProcessFigures> {
  return own().getMetricsAsJSON()
}

/** Those of this process and of others together: sums, or means where sums say nothing. */
export async function processFiguresWith(others: readonly ProcessFigures[]): Promise<string> {
  if (others.length === 0) return own().metrics()
  return AggregatorRegistry.aggregate([await processFigures(), ...others]).metrics()
}
