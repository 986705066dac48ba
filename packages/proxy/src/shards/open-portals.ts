import { type StatementRecord, savepointOf } from '@pgherd/client/internal'
import type { Seat } from '../session/seat.js'
import type { Unit } from './units.js'

/** Its name, and the query that it is for. */
const CURSOR =
  /^\s*declare\s+("(?:[^"]|"")+"|\S+)\s+(?:(?:binary|asensitive|insensitive|no|scroll)\s+)*cursor\s+(?:with(?:out)?\s+hold\s+)?for\s+(.+)$/is
const OF_CURSOR: ReadonlySet<string> = new Set(['FETCH', 'MOVE', 'CLOSE', 'CLOSE CURSOR'])

/** The query that a cursor is declared for; null: none is. */
export function cursorQuery(text: string): string | null {
  return CURSOR.exec(text)?.[2] ?? null
}

/** Where the portals and cursors of a session's transaction are, by name. */
export class OpenPortals {
  readonly #portals = new Map<string, Seat>()
  readonly #cursors = new Map<string, Seat>()

  /** What these open is there. */
  note(units: readonly Unit[], seat: Seat): void {
    for (const { record, portal } of units) {
      if (portal !== null) this.#portals.set(portal, seat)
      const cursor = record === null ? undefined : CURSOR.exec(record.text)?.[1]
      if (cursor !== undefined) this.#cursors.set(savepointOf(cursor), seat)
    }
  }

  /** Null: none of this name is known. */
  portal(name: string): Seat | null {
    return this.#portals.get(name) ?? null
  }

  /** Of the cursor that a statement is about; null: it is about none, or none is known. */
  cursor({ facts, shape }: StatementRecord): Seat | null {
    return OF_CURSOR.has(facts.command) ? (this.#cursors.get(savepointOf(shape)) ?? null) : null
  }

  clear(): void {
    this.#portals.clear()
    this.#cursors.clear()
  }
}
