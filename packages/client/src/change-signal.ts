/** Lets many wait for the next change of something. */
export class ChangeSignal {
  #waiting = new Set<() => void>()

  get waiting(): number {
    return this.#waiting.size
  }

  notify(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Calls `wake` at the next change, once. What it returns takes that back. */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }
}
