import type { Herd } from '@pgherd/cluster'
import type { AuditAction } from '@pgherd/core/api'
import type { ProxyKeeper } from '../proxy-process/proxy-keeper.js'
import type { AuditLog } from './access/audit-log.js'
import type { Caller, Guard } from './access/guard.js'
import type { HerdAsker } from './herd-asker.js'
import type { HerdActions } from './jobs/herd-actions.js'
import type { JobBoard } from './jobs/job-board.js'
import type { HerdMetrics } from './metrics/herd-metrics.js'
import type { Sampler } from './samples/sampler.js'
import type { SqlDesk } from './sql/sql-desk.js'
import type { EventStream } from './stream/event-stream.js'

/** What the routes of the control API rest on. */
export interface ApiParts {
  readonly herd: Herd
  /** Null: nobody keeps a proxy for this herd. */
  readonly keeper: ProxyKeeper | null
  readonly version: string
  readonly startedAt: string
  readonly jobs: JobBoard
  readonly actions: HerdActions
  readonly stream: EventStream
  readonly samples: Sampler
  readonly asker: HerdAsker
  readonly sql: SqlDesk
  readonly audit: AuditLog
  readonly guard: Guard
  readonly metrics: HerdMetrics
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller
  }
  interface FastifyContextConfig {
    /** Anybody may see it. */
    isOpen?: boolean
    /** Only who may act may see it. */
    isForActors?: boolean
    /** What the audit log calls it. */
    action?: AuditAction
  }
}
