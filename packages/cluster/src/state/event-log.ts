import { appendFile, readFile, rename, stat } from 'node:fs/promises'

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
/** The last ones are answered from memory; those before them are read from the files. */
const REMEMBERED = 1000

/** The herd's events: the last ones in memory, all of them in a file, one JSON object a line. */
export class EventLog {
  readonly #path: string
  readonly #listeners = new Set<(event: HerdEvent) => void>()
  #recent: HerdEvent[] = []
  #lastId = 0
  #written: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Reads what earlier supervisors left, so that a person sees what happened before. */
  async open(): Promise<void> {
    const events = await readAllEvents(this.#path)
    this.#recent = events.slice(-REMEMBERED)
    this.#lastId = events.at(-1)?.id ?? 0
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    )
    if (size > ROTATE_BYTES) await rename(this.#path, olderFile(this.#path))
  }

  /** Of the newest; 0 before there is one. */
  get lastId(): number {
    return this.#lastId
  }

  add({ cause = null, ...told }: ToldEvent): void {
    const event: HerdEvent = { id: ++this.#lastId, ...told, cause }
    this.#recent.push(event)
    if (this.#recent.length > 2 * REMEMBERED) this.#recent.splice(0, REMEMBERED)
    const line = `${JSON.stringify(event)}\n`
    // A full disk must not stop a failover: the event is then only in memory.
    this.#written = this.#written.then(() => appendFile(this.#path, line, { mode: 0o600 })).catch(() => {})
    for (const listener of this.#listeners) listener(event)
  }

  /** The last ones, oldest first, as far as they are in memory. */
  recent(count = 200): readonly HerdEvent[] {
    return count <= 0 ? [] : this.#recent.slice(-count)
  }

  /** The last `count` of those before this one, oldest first. */
  async before(id: number, count: number): Promise<readonly HerdEvent[]> {
    const known = this.#recent.filter((event) => event.id < id)
    if (count <= 0) return []
    if (known.length >= count || this.#recent[0]?.id === 1) return known.slice(-count)
    return (await this.#all()).filter((event) => event.id < id).slice(-count)
  }

  /** Those after this one, oldest first. */
  async after(id: number): Promise<readonly HerdEvent[]> {
    const [oldest] = this.#recent
    const all = oldest === undefined || oldest.id <= id + 1 ? this.#recent : await this.#all()
    return all.filter((event) => event.id > id)
  }

  async #all(): Promise<HerdEvent[]> {
    await this.#written
    return readAllEvents(this.#path)
  }

  listen(listener: (event: HerdEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async flush(): Promise<void> {
    await this.#written
  }
}

/** All events in the file, oldest first; a last line cut off by a crash is left out. */
export async function readEvents(path: string): Promise<HerdEvent[]> {
  return withIds(await readLines(path))
}

/** Those of the file before it too. */
async function readAllEvents(path: string): Promise<HerdEvent[]> {
  return withIds([...(await readLines(olderFile(path))), ...(await readLines(path))])
}

function olderFile(path: string): string {
  return `${path}.1`
}

async function readLines(path: string): Promise<Partial<HerdEvent>[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Partial<HerdEvent>]
    } catch {
      return []
    }
  })
}

/** Files of earlier versions have neither ids nor causes. */
function withIds(events: readonly Partial<HerdEvent>[]): HerdEvent[] {
  let lastId = 0
  return events.map((event) => {
    lastId = event.id ?? lastId + 1
    return { cause: null, ...(event as Omit<HerdEvent, 'id' | 'cause'>), id: lastId }
  })
}
