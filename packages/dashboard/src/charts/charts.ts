import type { Sample } from '@pgherd/core/api'
import type { MessageKey } from '../i18n/translate.js'
import type { Pick } from './chart-data.js'

export interface ChartOf {
  id: string
  title: MessageKey
  unit: 'bytes' | 'duration' | 'count'
  gather: 'largest' | 'mean'
  pick: Pick
}

/** What there is to see; lines that are not of a node are named by a key of the messages. */
export const CHARTS: readonly ChartOf[] = [
  {
    id: 'lag-ms',
    title: 'chart.lagMs',
    unit: 'duration',
    gather: 'largest',
    pick: perNode((node) => node.lagMs),
  },
  {
    id: 'lag-bytes',
    title: 'chart.lagBytes',
    unit: 'bytes',
    gather: 'largest',
    pick: perNode((node) => node.lagBytes),
  },
  {
    id: 'reads',
    title: 'chart.reads',
    unit: 'count',
    gather: 'mean',
    pick: (sample, put) => {
      for (const node of sample.nodes) put(node.name, node.readsPerSecond)
    },
  },
  {
    id: 'writes',
    title: 'chart.writes',
    unit: 'count',
    gather: 'mean',
    pick: perNode((node) =>
      node.lagBytes === null || node.writesPerSecond > 0 ? node.writesPerSecond : null,
    ),
  },
  {
    id: 'latency',
    title: 'chart.latency',
    unit: 'duration',
    gather: 'largest',
    pick: ({ latencyMs }, put) => {
      put('p50', latencyMs?.p50 ?? null)
      put('p95', latencyMs?.p95 ?? null)
      put('p99', latencyMs?.p99 ?? null)
    },
  },
  {
    id: 'connections',
    title: 'chart.connections',
    unit: 'count',
    gather: 'mean',
    pick: ({ clients, serverConnections, lanes }, put) => {
      put('chart.clients', clients)
      put('chart.servers', serverConnections)
      put('chart.lanes', lanes)
    },
  },
  {
    id: 'sessions',
    title: 'chart.sessions',
    unit: 'count',
    gather: 'mean',
    pick: perNode((node) => node.connections),
  },
  {
    id: 'transactions',
    title: 'chart.transactions',
    unit: 'count',
    gather: 'mean',
    pick: perNode((node) => node.transactionsPerSecond),
  },
]

/** A line for each node that ever has a value. */
function perNode(figureOf: (node: Sample['nodes'][number]) => number | null): Pick {
  return (sample, put) => {
    for (const node of sample.nodes) {
      const value = figureOf(node)
      if (value !== null) put(node.name, value)
    }
  }
}
