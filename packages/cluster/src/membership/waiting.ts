import { HerdError } from '@pgherd/core'
import type { ChangeSignal } from '../change-signal.js'

const POLL_MS = 100

/** Waits for what changes, until the supervisor ends. */
export class Waiting {
  readonly #changes: ChangeSignal
  isClosed = false

  constructor(changes: ChangeSignal) {
    this.#changes = changes
  }

  close(): void {
    this.isClosed = true
  }

  /** Waits until nothing speaks against it. Throws OPERATION_FAILED with what does, INTERRUPTED. */
  async until(timeoutMs: number, why: () => string | null): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      this.refuseClosed()
      const reason = why()
      if (reason === null) return
      if (performance.now() > deadline)
        throw new HerdError('OPERATION_FAILED', `The standby cannot go: ${reason}.`)
      await this.#changes.next(POLL_MS)
    }
  }

  /** Resolves at the next change, or after a moment. */
  next(): Promise<void> {
    return this.#changes.next(POLL_MS)
  }

  /** Throws INTERRUPTED. */
  refuseClosed(): void {
    if (this.isClosed)
      throw new HerdError('INTERRUPTED', 'The supervisor is stopping; the next one carries on.')
  }
}
