import type { NodeView } from '@pgherd/core/routing'
import type { ServerFacts } from './server/tenant.js'
import type { MeterFacts } from './session/batch-meter.js'

/** One client, for whoever wants to see. */
export interface ClientFacts {
  readonly id: number
  readonly user: string
  readonly database: string
  readonly applicationName: string
  readonly address: string
  readonly state: 'idle' | 'active' | 'paused' | 'idle in transaction'
  /** It has a server connection to itself just now. */
  readonly hasOwnServer: boolean
  readonly batches: number
  readonly connectedAtMs: number
}

/** What the clients of one user and database have on one node. */
export interface PoolFacts {
  readonly user: string
  readonly database: string
  readonly node: string
  readonly lanes: number
  readonly onLanes: number
  readonly own: number
  readonly idle: number
  readonly waiting: number
}

/** A setting, as text, and whether a reload changes it. */
export interface ConfigFacts {
  readonly name: string
  readonly value: string
  readonly isReloadable: boolean
}

/** A process that serves clients. The ids of its clients leave `worker` when divided by how many there are. */
export interface WorkerFacts {
  readonly worker: number
  /** Null while it is not running. */
  readonly pid: number | null
  readonly state: 'serving' | 'starting' | 'stopping'
  /** Those who are still logging in among them. */
  readonly clients: number
  readonly startedAtMs: number | null
}

/** What a proxy is and does at a moment; each part is looked up when it is asked for. */
export interface ProxyFacts {
  readonly version: string
  readonly startedAtMs: number
  readonly state: 'running' | 'stopping'
  readonly paused: 'all' | readonly string[]
  readonly workers: readonly WorkerFacts[]
  readonly clients: readonly ClientFacts[]
  readonly servers: readonly ServerFacts[]
  readonly pools: readonly PoolFacts[]
  readonly nodes: readonly NodeView[]
  readonly config: readonly ConfigFacts[]
  readonly meter: MeterFacts
}

export type FactsPart = keyof ProxyFacts

/** Looks up some parts, and no others: those of many clients cost something. */
export type LookUp = <Part extends FactsPart>(...parts: readonly Part[]) => Promise<Pick<ProxyFacts, Part>>

export function pickFacts<Part extends FactsPart>(
  facts: Pick<ProxyFacts, Part>,
  parts: readonly Part[],
): Pick<ProxyFacts, Part> {
  return Object.fromEntries(parts.map((part) => [part, facts[part]])) as Pick<ProxyFacts, Part>
}
