import { type LogOptions, NumberedLog, readLog } from './numbered-log.js'

/** Something that happened, as a person reads it. */
export interface HerdEvent {
  /** Grows by one per event over the life of the herd. */
  id: number
  /** ISO 8601, wall clock. */
  at: string
  kind: string
  group: string | null
  node: string | null
  message: string
  /** What was observed and what was decided upon it; null for what nobody decided. */
  cause: EventCause | null
}

export interface EventCause {
  observed: string | null
  decided: string | null
}

/** An event as whoever tells of it knows it. */
export type ToldEvent = Omit<HerdEvent, 'id' | 'cause'> & { cause?: EventCause | null }

const ROTATE_BYTES = 4 * 1024 * 1024
const LACKING = { cause: null }

/** The herd's events, and who listens to them. */
export class EventLog {
  readonly #log: NumberedLog<HerdEvent>
  readonly #listeners = new Set<(event: HerdEvent) => void>()

  constructor(path: string) {
    const options: LogOptions<HerdEvent> = { path, rotateBytes: ROTATE_BYTES, lacking: LACKING }
    this.#log = new NumberedLog(options)
  }

  /** Reads what earlier supervisors left, so that a person sees what happened before. */
  open(): Promise<void> {
    return this.#log.open()
  }

  /** Of the newest; 0 before there is one. */
  get lastId(): number {
    return this.#log.lastId
  }

  add({ cause = null, ...told }: ToldEvent): void {
    const event = this.#log.add({ ...told, cause })
    for (const listener of this.#listeners) listener(event)
  }

  /** The last ones, oldest first, as far as they are in memory. */
  recent(count = 200): readonly HerdEvent[] {
    return this.#log.recent(count)
  }

  /** The last `count` of those before this one, oldest first. */
  before(id: number, count: number): Promise<readonly HerdEvent[]> {
    return this.#log.before(id, count)
  }

  /** Those after this one, oldest first. */
  after(id: number): Promise<readonly HerdEvent[]> {
    return this.#log.after(id)
  }

  listen(listener: (event: HerdEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  flush(): Promise<void> {
    return this.#log.flush()
  }
}

/** All events on disk, oldest first; a last line cut off by a crash is left out. */
export function readEvents(path: string): Promise<HerdEvent[]> {
  return readLog<HerdEvent>(path, LACKING)
}
