import { NumberedLog } from '@pgherd/cluster/on-disk'
import type { AuditEntry, AuditOutcome } from '@pgherd/core/api'
import { NOBODY } from './guard.js'

const ROTATE_BYTES = 4 * 1024 * 1024
const MOST_WHAT = 10_000
const MOST_PATH = 300
const STRANGERS_PER_HOUR = 100
const HOUR_MS = 3_600_000

/** An entry as it is written down. */
export type WrittenEntry = Omit<AuditEntry, 'outcome'>

/** What is to be shown of it: the last `count` of those before the id that are wanted. */
export interface AuditQuestion {
  readonly before: number
  readonly count: number
  readonly isWanted: (entry: AuditEntry) => boolean
}

/** Who did what through the API. */
export class AuditLog {
  readonly #log: NumberedLog<WrittenEntry>
  #strangers = { hour: 0, count: 0 }

  constructor(path: string) {
    const lacking = { action: 'other', job: null } as const
    this.#log = new NumberedLog<WrittenEntry>({ path, rotateBytes: ROTATE_BYTES, lacking })
  }

  open(): Promise<void> {
    return this.#log.open()
  }

  add(entry: Omit<WrittenEntry, 'id'>): void {
    if (entry.who === NOBODY && !this.#hasRoomForStranger(Date.parse(entry.at))) return
    const { what, path } = entry
    this.#log.add({
      ...entry,
      path: cut(path, MOST_PATH),
      what: what === null ? null : cut(what, MOST_WHAT),
    })
  }

  /** Newest first. */
  async read({ before, count, isWanted }: AuditQuestion): Promise<AuditEntry[]> {
    const found = await this.#log.before(before, count, (written) => isWanted(withOutcome(written)))
    return found.map(withOutcome).reverse()
  }

  flush(): Promise<void> {
    return this.#log.flush()
  }

  /** The files have an end: who is not let in must not be able to push out what others did. */
  #hasRoomForStranger(atMs: number): boolean {
    const hour = Math.floor(atMs / HOUR_MS)
    if (hour !== this.#strangers.hour) this.#strangers = { hour, count: 0 }
    return ++this.#strangers.count <= STRANGERS_PER_HOUR
  }
}

function withOutcome(written: WrittenEntry): AuditEntry {
  return { ...written, outcome: outcomeOf(written.status) }
}

function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'accepted'
  return status < 500 ? 'refused' : 'failed'
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text
}
