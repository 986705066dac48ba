import type { Admission } from '../admission.js'
import type { ServerReport } from '../protocol/server-messages.js'
import { Refusal } from '../session/handshake.js'

/** Whom one worker has let in: their places are free again when it dies. */
export class WorkerGuests {
  readonly #admission: Admission
  /** By user and database. */
  readonly #counts = new Map<string, number>()
  #isOver = false
  count = 0

  constructor(admission: Admission) {
    this.#admission = admission
  }

  /** Why a client may not come in; null: it may, and has. */
  enter(user: string, database: string): ServerReport | null {
    // What a worker said last may be heard after its end.
    if (this.#isOver) return { severity: 'FATAL', code: '57P03', message: 'the worker has ended' }
    try {
      this.#admission.enter(user, database)
    } catch (error) {
      if (error instanceof Refusal) return error.report
      throw error
    }
    this.#change(JSON.stringify([user, database]), 1)
    return null
  }

  leave(user: string, database: string): void {
    if (this.#isOver) return
    this.#admission.leave(user, database)
    this.#change(JSON.stringify([user, database]), -1)
  }

  #change(key: string, by: 1 | -1): void {
    this.count += by
    const count = (this.#counts.get(key) ?? 0) + by
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }

  leaveAll(): void {
    this.#isOver = true
    for (const [key, count] of this.#counts) {
      const [user, database] = JSON.parse(key) as [string, string]
      for (let each = 0; each < count; each++) this.#admission.leave(user, database)
    }
    this.#counts.clear()
    this.count = 0
  }
}
