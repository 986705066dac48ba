import type net from 'node:net'
import type { ProcessFigures } from '../metrics/process-figures.js'
import type { ServerReport } from '../protocol/server-messages.js'
import type { FactsPart, ProxyFacts } from '../proxy-facts.js'
import type { ProxyOptions } from '../proxy-options.js'
import type { HoldTerms } from '../serving-proxy.js'

/** What a worker is started with. */
export interface WorkerJob {
  /** Its share of what is limited. */
  readonly options: ProxyOptions
  readonly worker: number
  readonly workers: number
  readonly mockSecret: Buffer
}

/** Parts of the facts that are the workers' own; the others the coordinator knows by itself. */
export const PARTS_OF_WORKERS = ['clients', 'servers', 'pools', 'meter'] as const satisfies FactsPart[]
export type PartOfWorkers = (typeof PARTS_OF_WORKERS)[number]
export type WorkerAnswer = Partial<Pick<ProxyFacts, PartOfWorkers>>

/** What the coordinator orders of a worker and asks it. */
export interface WorkerOrders {
  /** Comes first, and once. */
  start(job: WorkerJob): Promise<void>
  isAlive(): true
  /** A client, unless it left on the way. */
  welcome(socket?: net.Socket): void
  look(parts: readonly PartOfWorkers[]): Promise<WorkerAnswer>
  processFigures(): Promise<ProcessFigures>
  pause(database: string | null): Promise<void>
  resume(database: string | null): void
  hold(terms: HoldTerms): Promise<boolean>
  release(): void
  reconnect(database: string | null): void
  kill(client: number): boolean
  cancel(processId: number, secretKey: Buffer): void
  /** `options` null: users and catalogues are read again, and nothing else. */
  reload(options: ProxyOptions | null): Promise<void>
  catalogueChanged(database: string): void
  stop(graceMs: number): Promise<void>
}

/** What a worker asks of the coordinator: what concerns its own clients, and what concerns all workers. */
export interface CoordinatorServices extends SharedServices {
  /** Null: the client may come in. */
  enter(user: string, database: string): ServerReport | null
  leave(user: string, database: string): void
}

export interface SharedServices {
  cancel(processId: number, secretKey: Buffer): void
  /** For the other workers. */
  catalogueChanged(database: string): void
  look(parts: readonly FactsPart[]): Promise<Partial<ProxyFacts>>
  pause(database: string | null): Promise<void>
  resume(database: string | null): Promise<boolean>
  reconnect(database: string | null): void
  kill(client: number): Promise<boolean>
  reload(): Promise<void>
  shutdown(): void
}
