import { HerdError } from '@pgherd/core'
import type { Catalogue } from '@pgherd/core/sql'
import type { StatementRecord } from '../statement-book.js'
import type { HerdRoute } from './herd-client.js'
import { KeyChange } from './move-rows.js'
import type { RoutePlanner } from './route-planner.js'

/** A statement, and what else its planning depends on. */
export interface RouteAsked {
  readonly record: StatementRecord
  readonly values: readonly unknown[] | undefined
  /** Groups that are preferred where several would do; `turn`: which of those it is else. */
  readonly near: ReadonlySet<string>
  readonly turn: number
  /** What a text is, wherever it goes. */
  look(text: string): StatementRecord
  /** By what judges the tables of the home group. */
  readonly home: Catalogue
}

/**
 * Where a statement goes, for who can move rows whose key changes, and insert what is read elsewhere. Throws what
 * refuses it.
 */
export function planHerdRoute(planner: RoutePlanner, asked: RouteAsked): HerdRoute {
  const { record, values, near, turn, look, home } = asked
  try {
    return planner.route(record, values, near, turn)
  } catch (error) {
    if (error instanceof KeyChange) return error.route
    if (!(error instanceof HerdError) || error.code !== 'SHARDS_NOT_PROVEN') throw error
    const route = planner.routeSelectInsert(record, values, near, turn, look, home)
    if (route === null) throw error
    return route
  }
}
