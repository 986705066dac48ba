import type { RowText, ScatterRead } from '@pgherd/core/sql'
import type { StatementRecord } from '../statement-book.js'
import type { CopyRoute } from './copy-route.js'
import type { MoveRoute } from './move-rows.js'
import type { SelectInsertRoute } from './select-insert-route.js'

/** Where a statement of a client goes. */
export type Route =
  /** `text`: what is said there in place of the statement's own. */
  | { readonly kind: 'group'; readonly group: string; readonly text?: string }
  /**
   * As it is on each. `whole`: each has all rows, so that one answer stands for all. `apart`: it cannot be
   * part of a transaction.
   */
  | {
      readonly kind: 'each'
      readonly groups: readonly string[]
      readonly whole: boolean
      readonly apart: boolean
    }
  /** Its parts, whose answers' rows come in the order of `rows`. */
  | { readonly kind: 'parts'; readonly parts: readonly StatementPart[] }
  /** Each is asked, and the answers are put together. */
  | {
      readonly kind: 'scatter'
      readonly groups: readonly string[]
      readonly read: ScatterRead
      readonly rowText: RowText
    }
  /** Read by somebody who puts together what several groups have. */
  | { readonly kind: 'federation'; readonly why: string }

/** Also what takes several steps, and a client that takes them. */
export type HerdRoute = Route | MoveRoute | SelectInsertRoute

/** What changes rows on several groups, or may. */
export type SpreadRoute = Extract<Route, { kind: 'each' | 'parts' }> | MoveRoute | SelectInsertRoute

/** A statement for one group, made of some rows of another. */
export interface StatementPart {
  readonly group: string
  readonly text: string
  readonly values: readonly unknown[]
  /** Which rows of the whole it has. */
  readonly rows: readonly number[]
}

export interface ClientQuery {
  readonly text: string
  readonly values: readonly unknown[] | undefined
  /** All of what the caller gave. */
  readonly config: object
}

/**
 * Where statements go, as far as is known at some time. `near`: groups that the client has to do with already.
 * Throws what refuses them.
 */
export interface Router {
  route(
    record: StatementRecord,
    values: readonly unknown[] | undefined,
    near: ReadonlySet<string>,
  ): Promise<HerdRoute>
  routeCopy(record: StatementRecord, near: ReadonlySet<string>): Promise<CopyRoute>
}

/** What a group says to whom is under another epoch of the shard map. */
export const OTHER_EPOCH = 'PH001'
/** How often a statement is routed again because the map has changed meanwhile. */
export const MOST_ROUTES = 5
