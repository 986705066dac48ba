import type { EventEmitter } from 'node:events'
import type { GroupEvent, GroupView } from '@pgherd/core/routing'
import type { Administered } from './admin/admin-desk.js'
import type { ProxyOptions } from './proxy-options.js'

/** Something happened to one of several workers. */
export interface WorkerEvent {
  readonly kind: 'worker-lost' | 'worker-failed' | 'worker-back'
  readonly message: string
}

export interface ProxyEvents {
  event: [GroupEvent | WorkerEvent]
}

/** What whoever runs a proxy does on commands of its admin database. */
export interface ProxyOwner {
  /** RELOAD: the options as they are now. */
  reload?(): Promise<ProxyOptions>
  /** SHUTDOWN. */
  shutdown?(): void
  /** Stands in the command lines of workers, for a person who looks at a list of processes. */
  readonly label?: string
}

/** How long a hold waits for what has begun, and how long it lasts at most. */
export interface HoldTerms {
  readonly patienceMs: number
  readonly leaseMs: number
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** A proxy that takes clients, in this process or in several: what can be ordered of it and asked. */
export interface ServingProxy extends Administered, EventEmitter<ProxyEvents>, AsyncDisposable {
  /** Where it listens. */
  readonly address: Address
  /** Where `/metrics`, `/healthz` and `/readyz` are; null: nowhere. */
  readonly metricsAddress: Address | null
  readonly topology: GroupView
  /**
   * Keeps everything new waiting while primaryship is handed over, for at most so long, whatever becomes of
   * whoever asked. Resolves to whether nothing runs any more; what still does after `patienceMs` is left alone.
   */
  hold(terms: HoldTerms): Promise<boolean>
  release(): void
  /**
   * Takes over what can be changed while clients are connected: nodes that came or went, limits, admin users, the
   * certificate. Users and catalogues are read again. What cannot (addresses, workers) stays as it is. Throws
   * OPTIONS_INVALID.
   */
  reload(options?: ProxyOptions): Promise<void>
  /** Takes no new clients, lets open transactions finish for so long, and ends. */
  stop(options?: { readonly graceMs?: number }): Promise<void>
  /** Takes no new clients, and ends those that are there. */
  close(): Promise<void>
}
