import { type StatementRecord, savepointOf } from '@pgherd/client/internal'
import type { Seat } from '../session/seat.js'
import { isAboutRows } from './about-rows.js'
import { rowLimitOf, type Unit } from './units.js'

/** Its name, and the query that it is for. */
const CURSOR =
  /^\s*declare\s+("(?:[^"]|"")+"|\S+)\s+(?:(?:binary|asensitive|insensitive|no|scroll)\s+)*cursor\s+(with\s+hold\s+|without\s+hold\s+)?for\s+(.+)$/is
const OF_CURSOR: ReadonlySet<string> = new Set(['FETCH', 'MOVE', 'CLOSE', 'CLOSE CURSOR'])

/** The query that a cursor is declared for; null: none is. */
export function cursorQuery(text: string): string | null {
  return CURSOR.exec(text)?.[3] ?? null
}

/** What it opens may be gone on with by what comes later. */
export function leavesPortal(unit: Unit): boolean {
  const { portal, record } = unit
  if ((portal !== null && portal !== '') || rowLimitOf(unit) > 0) return true
  return record !== null && cursorQuery(record.text) !== null
}

interface OpenCursor {
  readonly seat: Seat
  /** It outlives its transaction. */
  readonly holds: boolean
  /** Its transaction goes on. */
  isNew: boolean
}

/** Where the portals and cursors of a session are, by name. */
export class OpenPortals {
  readonly #portals = new Map<string, Seat>()
  readonly #cursors = new Map<string, OpenCursor>()

  /** What these open is there. `isInside`: of a transaction that goes on. */
  note(units: readonly Unit[], seat: Seat, isInside: boolean): void {
    for (const { record, portal } of units) {
      if (portal !== null) this.#portals.set(portal, seat)
      if (record === null || isAboutRows(record)) continue
      const [, name, hold] = CURSOR.exec(record.text) ?? []
      if (name === undefined) continue
      const holds = /^with\s/i.test(hold ?? '')
      this.#portals.delete(savepointOf(name))
      this.#cursors.set(savepointOf(name), { seat, holds, isNew: isInside })
    }
  }

  /** A cursor is a portal, too. Null: none of this name is known. */
  portal(name: string): Seat | null {
    return this.#portals.get(name) ?? this.#cursors.get(name)?.seat ?? null
  }

  /** Of the cursor that a statement is about; null: it is about none, or none is known. */
  cursor({ facts, shape }: StatementRecord): Seat | null {
    return OF_CURSOR.has(facts.command) ? (this.#cursors.get(savepointOf(shape))?.seat ?? null) : null
  }

  /** A transaction has ended: of its cursors those are left that were to be, where it was committed. */
  ended(hasCommitted: boolean): void {
    this.#portals.clear()
    for (const [name, cursor] of this.#cursors) {
      if (!cursor.holds || (cursor.isNew && !hasCommitted)) this.#cursors.delete(name)
      cursor.isNew = false
    }
  }

  /** What was open there is gone with its connection. */
  lost(seat: Seat): void {
    for (const [name, cursor] of this.#cursors) if (cursor.seat === seat) this.#cursors.delete(name)
  }
}
