import { ChangeSignal } from '@pgherd/client/internal'

/** Keeps new batches waiting while somebody has paused the proxy, or one of its databases. */
export class PauseGate {
  #all = false
  #switching = false
  readonly #databases = new Set<string>()
  readonly #resumed = new ChangeSignal()

  holds(database: string): boolean {
    return this.#switching || this.#all || this.#databases.has(database)
  }

  get holdsAny(): boolean {
    return this.#switching || this.#all || this.#databases.size > 0
  }

  /** While primaryship is handed over; apart from what an administrator pauses. */
  get switching(): boolean {
    return this.#switching
  }

  set switching(switching: boolean) {
    this.#switching = switching
    if (!switching) this.#resumed.notify()
  }

  /** What is paused: all databases, or these. */
  get paused(): 'all' | readonly string[] {
    return this.#all ? 'all' : [...this.#databases]
  }

  /** Null: all databases. */
  pause(database: string | null): void {
    if (database === null) this.#all = true
    else this.#databases.add(database)
  }

  /** False when it was not paused. */
  resume(database: string | null): boolean {
    const wasPaused =
      database === null ? this.#all || this.#databases.size > 0 : this.#databases.has(database)
    if (database === null) {
      this.#all = false
      this.#databases.clear()
    } else this.#databases.delete(database)
    if (wasPaused) this.#resumed.notify()
    return wasPaused
  }

  /** Calls `wake` when something is resumed: perhaps another database. */
  wait(wake: () => void): () => void {
    return this.#resumed.wait(wake)
  }
}
