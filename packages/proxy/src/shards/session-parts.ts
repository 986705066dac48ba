import type { HerdTransaction } from './herd-transaction.js'
import type { OpenPortals } from './open-portals.js'
import type { SessionRoutes } from './session-routes.js'
import type { SessionSeats } from './session-seats.js'
import type { ShardedDatabase } from './sharded-database.js'
import type { ShardedHost } from './sharded-host.js'
import type { SpreadPrepared } from './spread-prepared.js'

/** What a session in a database over groups is made of. */
export interface SessionParts {
  readonly database: ShardedDatabase
  readonly host: ShardedHost
  readonly seats: SessionSeats
  readonly transaction: HerdTransaction
  readonly portals: OpenPortals
  readonly routes: SessionRoutes
  readonly prepared: SpreadPrepared
}
