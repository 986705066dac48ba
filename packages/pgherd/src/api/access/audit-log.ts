import { appendFile, readFile, rename, stat } from 'node:fs/promises'
import type { AuditEntrySchema } from '@pgherd/core/api'
import type { z } from 'zod'

export type AuditEntry = z.infer<typeof AuditEntrySchema>

const ROTATE_BYTES = 4 * 1024 * 1024
const REMEMBERED = 1000
const MOST_WHAT = 10_000

/** Who did what through the API: the last entries in memory, all of them in a file, one JSON object a line. */
export class AuditLog {
  readonly #path: string
  #recent: AuditEntry[] = []
  #bytes = 0
  #written: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  async open(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    this.#recent = text
      .split('\n')
      .slice(-REMEMBERED - 1)
      .flatMap(readLine)
    this.#bytes = Buffer.byteLength(text)
  }

  add(entry: AuditEntry): void {
    const what =
      entry.what !== null && entry.what.length > MOST_WHAT ? `${entry.what.slice(0, MOST_WHAT)}…` : entry.what
    const kept = { ...entry, what }
    this.#recent.push(kept)
    if (this.#recent.length > 2 * REMEMBERED) this.#recent.splice(0, REMEMBERED)
    const line = `${JSON.stringify(kept)}\n`
    this.#written = this.#written.then(() => this.#append(line)).catch(() => {})
  }

  /** Oldest first. */
  recent(count: number): AuditEntry[] {
    return count <= 0 ? [] : this.#recent.slice(-count)
  }

  async flush(): Promise<void> {
    await this.#written
  }

  async #append(line: string): Promise<void> {
    if (this.#bytes > ROTATE_BYTES) {
      await rename(this.#path, `${this.#path}.1`)
      this.#bytes = await stat(this.#path).then(
        ({ size }) => size,
        () => 0,
      )
    }
    await appendFile(this.#path, line, { mode: 0o600 })
    this.#bytes += Buffer.byteLength(line)
  }
}

/** A line cut off by a crash is left out. */
function readLine(line: string): AuditEntry[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as AuditEntry]
  } catch {
    return []
  }
}
