import { HerdError } from '@pgherd/core'
import type { Answer } from './statement.js'

export type Done = (error: Error | null, answer?: Answer) => void

/** What the user of one client asks for, one thing after the other as in `pg.Client`, until it is released. */
export class Turns {
  /** Settles when what was given last has ended; never rejects. */
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #released = false
  readonly #thrownAway = new AbortController()

  /** Asked for and not answered yet. */
  get waiting(): number {
    return this.#waiting
  }

  get released(): boolean {
    return this.#released
  }

  /** Aborted when it is thrown away while a statement is under way, which ends with the connection in `pg`. */
  get thrownAway(): AbortSignal {
    return this.#thrownAway.signal
  }

  /** Runs `work` when it is its turn. Rejects with CLIENT_RELEASED. */
  take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#released) return Promise.reject(alreadyReleased())
    const turn = this.#waiting++ === 0 ? work() : this.#last.then(work)
    const ended = (): void => {
      this.#waiting--
    }
    this.#last = turn.then(ended, ended)
    return turn
  }

  /** Nothing more is asked for; with an error what is under way is given up. Throws CLIENT_RELEASED. */
  release(error: Error | boolean | undefined): void {
    if (this.#released)
      throw new HerdError(
        'CLIENT_RELEASED',
        'Release called on client which has already been released to the pool.',
      )
    this.#released = true
    if (error) this.#thrownAway.abort(new Error('Connection terminated: the client was thrown away.'))
  }

  /** When all that was asked for has ended. */
  whenIdle(work: () => void): void {
    if (this.#waiting === 0) work()
    else void this.#last.then(work)
  }
}

export function alreadyReleased(): HerdError {
  return new HerdError('CLIENT_RELEASED', 'This client has been released to the pool already.')
}

/** An answer as `query` gives it: as a promise, or to a callback, whose own errors are not the statement's. */
export function answerTo(answer: Promise<Answer>, done: Done | undefined): Promise<Answer> | undefined {
  if (done === undefined) return answer
  answer.then(
    (result) => process.nextTick(done, null, result),
    (error: Error) => process.nextTick(done, error),
  )
  return undefined
}

/** What `query` is given, and who is told the answer: `pg` takes a callback behind the rest, or in the config. */
export function readArguments(args: readonly unknown[]): { input: unknown; values: unknown; done?: Done } {
  const last = args.find((each) => typeof each === 'function') as Done | undefined
  const [input, values] = args.filter((each) => each !== last)
  const { text, callback } = (input ?? {}) as { text?: unknown; callback?: unknown }
  if (typeof callback !== 'function' || isSubmittable(input))
    return last === undefined ? { input, values } : { input, values, done: last }
  // Whoever runs it must not tell them once more.
  const rest = { ...(input as object), text, callback: undefined }
  return { input: rest, values, done: last ?? (callback as Done) }
}

function isSubmittable(input: unknown): boolean {
  return typeof (input as { submit?: unknown }).submit === 'function'
}
