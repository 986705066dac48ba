import { HerdError } from '@pgherd/core'
import type { Catalogue } from '@pgherd/core/sql'
import type { StatementRecord } from '../statement-book.js'
import type { HerdRoute } from './herd-route.js'
import { KeyChange } from './move-rows.js'
import type { RoutePlanner } from './route-planner.js'

/** What planning depends on beside the statement. */
export interface RouteSurroundings {
  /** What a text is, wherever it goes. */
  look(text: string): StatementRecord
  /** By what judges the tables of the home group. */
  readonly homeCatalogue: Catalogue
}

/**
 * Where a statement goes, for who can move rows whose key changes, and insert what is read elsewhere. Throws what
 * refuses it.
 *
 * `near`: groups that are preferred where several would do; `turn`: which of those it is else.
 */
export function planHerdRoute(
  planner: RoutePlanner,
  record: StatementRecord,
  values: readonly unknown[] | undefined,
  near: ReadonlySet<string>,
  turn: number,
  surroundings: RouteSurroundings,
): HerdRoute {
  try {
    return planner.route(record, values, near, turn)
  } catch (error) {
    if (error instanceof KeyChange) return error.route
    if (!(error instanceof HerdError) || error.code !== 'SHARDS_NOT_PROVEN') throw error
    const look = (text: string): StatementRecord => surroundings.look(text)
    const route = planner.routeSelectInsert(record, values, near, turn, look, surroundings.homeCatalogue)
    if (route === null) throw error
    return route
  }
}
