import { type Action, reduce } from './reduce.js'
import { INITIAL, type State } from './state.js'

/** A hidden page is shown no pictures, but what arrives must not pile up. */
const LONGEST_WAIT_MS = 500

/**
 * Holds the state and tells who listens, once per picture that the screen shows: what arrives in between is
 * gathered, so that a burst of messages costs one drawing.
 */
export class Store {
  #state: State
  #waiting: Action[] = []
  #frame = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #listeners = new Set<() => void>()

  constructor(state: State = INITIAL) {
    this.#state = state
  }

  readonly get = (): State => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly dispatch = (...actions: Action[]): void => {
    this.#waiting.push(...actions)
    if (this.#timer !== undefined) return
    this.#frame = requestAnimationFrame(this.#flush)
    this.#timer = setTimeout(this.#flush, LONGEST_WAIT_MS)
  }

  readonly #flush = (): void => {
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#state = this.#waiting.splice(0).reduce(reduce, this.#state)
    for (const listener of this.#listeners) listener()
  }
}
