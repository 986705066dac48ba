import { type PriceSource, SourceError } from '../source/price-source.js'
import type { Clock } from './clock.js'
import type { Second } from './store-readings.js'

const SECOND_MS = 1000
const FIRST_BACK_OFF_MS = 1000
const LONGEST_BACK_OFF_MS = 60_000
const STORE_AGAIN_MS = 200
const SECONDS_AT_ONCE = 120
/** Seconds kept in memory while there is no primary. When it is full the source is not asked any more. */
const LONGEST_QUEUE = 3600
/** With so many seconds behind it, storing is late: a commit waits for a standby, or its statement for a primary. */
const LATE_SECONDS = 3
const LAST_STORE_MS = 10_000

export interface CollectorOptions {
  source: PriceSource
  /** Stores seconds so that storing them again changes nothing. */
  store: (seconds: readonly Second[]) => Promise<void>
  clock: Clock
}

/** How collecting goes, for people. */
export interface CollectorStatus {
  source: string
  state: 'collecting' | 'waiting for the source' | 'waiting for the primary'
  /** What is wrong just now, one sentence each. */
  troubles: string[]
  /** Seconds that are read and not stored yet. */
  waitingSeconds: number
  /** The last second that the primary acknowledged. */
  storedUntil: string | null
}

/**
 * Asks the source each second and stores what it says.
 *
 * Reading and storing are two loops with a queue between them: while the primary is being replaced, seconds go on being
 * read and wait. One whose answer was cut off is stored again; the table's key makes that harmless. So a failover is a
 * pause, and neither loses nor doubles a second.
 */
export class Collector {
  readonly #source: PriceSource
  readonly #store: CollectorOptions['store']
  readonly #clock: Clock
  readonly #reading = new AbortController()
  readonly #storing = new AbortController()
  readonly #queue: Second[] = []
  #wakeStoring: () => void = () => {}
  #complaints: readonly string[] = []
  #sourceTrouble: string | null = null
  #storeTrouble: string | null = null
  #storedUntilMs: number | null = null
  #loops: { reading: Promise<void>; storing: Promise<void> } | null = null

  constructor({ source, store, clock }: CollectorOptions) {
    this.#source = source
    this.#store = store
    this.#clock = clock
  }

  start(): void {
    this.#loops ??= { reading: this.#keepReading(), storing: this.#keepStoring() }
  }

  status(): CollectorStatus {
    const storeTrouble = this.#storeTrouble ?? describeLateness(this.#queue.length)
    const troubles = [storeTrouble, this.#sourceTrouble, ...this.#complaints]
    return {
      source: this.#source.name,
      state:
        storeTrouble !== null
          ? 'waiting for the primary'
          : this.#sourceTrouble !== null
            ? 'waiting for the source'
            : 'collecting',
      troubles: troubles.filter((trouble) => trouble !== null),
      waitingSeconds: this.#queue.length,
      storedUntil: this.#storedUntilMs === null ? null : new Date(this.#storedUntilMs).toISOString(),
    }
  }

  /** Reads no more, and stores what was read if the primary takes it in time. Returns how many seconds it did not. */
  async close(): Promise<number> {
    this.#reading.abort()
    const impatience = setTimeout(() => this.#storing.abort(), LAST_STORE_MS)
    await this.#loops?.reading
    this.#wakeStoring()
    await this.#loops?.storing
    clearTimeout(impatience)
    return this.#queue.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #keepReading(): Promise<void> {
    const { signal } = this.#reading
    let backOffMs = FIRST_BACK_OFF_MS
    let lastMs = 0
    while (!signal.aborted) {
      await this.#clock.sleep(SECOND_MS - (this.#clock.now() % SECOND_MS), signal)
      const atMs = Math.floor(this.#clock.now() / SECOND_MS) * SECOND_MS
      // A clock that was set back must not have two readings meet in one second.
      if (signal.aborted || atMs <= lastMs || this.#queue.length >= LONGEST_QUEUE) continue
      lastMs = atMs
      try {
        const { quotes, complaints } = await this.#source.read(atMs, signal)
        this.#sourceTrouble = null
        this.#complaints = complaints
        backOffMs = FIRST_BACK_OFF_MS
        this.#queue.push({ atMs, quotes })
        this.#wakeStoring()
      } catch (error) {
        if (signal.aborted) return
        const waitMs = waitOf(error) ?? backOffMs
        this.#sourceTrouble = `${messageOf(error)} It is asked again in ${Math.ceil(waitMs / SECOND_MS)} s.`
        backOffMs = Math.min(LONGEST_BACK_OFF_MS, backOffMs * 2)
        await this.#clock.sleep(waitMs, signal)
      }
    }
  }

  async #keepStoring(): Promise<void> {
    const { signal } = this.#storing
    while (!signal.aborted) {
      if (this.#queue.length === 0) {
        if (this.#reading.signal.aborted) return
        await new Promise<void>((resolve) => {
          this.#wakeStoring = resolve
        })
        continue
      }
      const seconds = this.#queue.slice(0, SECONDS_AT_ONCE)
      try {
        await this.#store(seconds)
        this.#queue.splice(0, seconds.length)
        this.#storedUntilMs = seconds.at(-1)?.atMs ?? null
        this.#storeTrouble = null
      } catch (error) {
        this.#storeTrouble = `Prices wait to be stored: ${messageOf(error)}`
        await this.#clock.sleep(STORE_AGAIN_MS, signal)
      }
    }
  }
}

function describeLateness(seconds: number): string | null {
  return seconds < LATE_SECONDS ? null : `${seconds} seconds of prices wait until the primary has taken them.`
}

function waitOf(error: unknown): number | null {
  const waitMs = error instanceof SourceError ? error.retryAfterMs : null
  return waitMs === null ? null : Math.min(LONGEST_BACK_OFF_MS, Math.max(FIRST_BACK_OFF_MS, waitMs))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
