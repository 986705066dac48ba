/** Tells whoever listens that something is different, without saying what. */
export class ChangeSignal {
  readonly #listeners = new Set<() => void>()

  /** Returns how to stop listening. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  fire(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Resolves at the next change, or after `timeoutMs`. */
  next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stop()
        clearTimeout(timer)
        resolve()
      }
      const stop = this.listen(done)
      const timer = setTimeout(done, timeoutMs)
    })
  }
}
