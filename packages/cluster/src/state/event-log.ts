import { appendFile, readFile, rename, stat } from 'node:fs/promises'

/** Something that happened, as a person reads it. */
export interface HerdEvent {
  /** ISO 8601, wall clock. */
  at: string
  kind: string
  group: string | null
  node: string | null
  message: string
}

const ROTATE_BYTES = 4 * 1024 * 1024

/** The herd's events: the last ones in memory, all of them in a file, one JSON object a line. */
export class EventLog {
  readonly #path: string
  readonly #listeners = new Set<(event: HerdEvent) => void>()
  #recent: HerdEvent[] = []
  #written: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Reads what earlier supervisors left, so that a person sees what happened before. */
  async open(): Promise<void> {
    this.#recent = (await readEvents(this.#path)).slice(-200)
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    )
    if (size > ROTATE_BYTES) await rename(this.#path, `${this.#path}.1`)
  }

  add(event: HerdEvent): void {
    this.#recent = [...this.#recent.slice(-199), event]
    const line = `${JSON.stringify(event)}\n`
    // A full disk must not stop a failover: the event is then only in memory.
    this.#written = this.#written.then(() => appendFile(this.#path, line, { mode: 0o600 })).catch(() => {})
    for (const listener of this.#listeners) listener(event)
  }

  /** The last ones, oldest first, at most 200. */
  recent(count = 200): readonly HerdEvent[] {
    return this.#recent.slice(-count)
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
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as HerdEvent]
    } catch {
      return []
    }
  })
}
