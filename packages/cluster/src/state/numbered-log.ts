import { appendFile, readFile, rename } from 'node:fs/promises'

/** The last ones are answered from memory; those before them are read from the files. */
const REMEMBERED = 1000
const NEWLINE = 0x0a

export interface LogOptions<Entry> {
  readonly path: string
  /** A file that has grown beyond this is set aside, in the place of the one set aside before. */
  readonly rotateBytes: number
  /** What lines of earlier versions lack. */
  readonly lacking: Partial<Entry>
}

/** Entries under growing ids: the last ones in memory, those of two files' length on disk, one JSON object a line. */
export class NumberedLog<Entry extends { readonly id: number }> {
  readonly #options: LogOptions<Entry>
  #recent: Entry[] = []
  #lastId = 0
  /** Nothing is on disk that is not in memory. */
  #hasAll = true
  #bytes = 0
  /** The last line was cut off by a crash: what is written next is not to be part of it. */
  #isTorn = false
  /** Writing and reading of the files, one after the other: none is read while it is set aside. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: LogOptions<Entry>) {
    this.#options = options
  }

  /** Reads what earlier supervisors left. */
  async open(): Promise<void> {
    const { path, lacking } = this.#options
    const all = await readLog(path, lacking)
    this.#recent = all.slice(-REMEMBERED)
    this.#hasAll = all.length <= REMEMBERED
    this.#lastId = all.at(-1)?.id ?? 0
    const written = await readFile(path).catch(() => Buffer.alloc(0))
    this.#bytes = written.length
    this.#isTorn = written.length > 0 && written.at(-1) !== NEWLINE
  }

  /** Of the newest; 0 before there is one. */
  get lastId(): number {
    return this.#lastId
  }

  add(told: Omit<Entry, 'id'>): Entry {
    const entry = { id: ++this.#lastId, ...told } as Entry
    this.#recent.push(entry)
    if (this.#recent.length > 2 * REMEMBERED) {
      this.#recent.splice(0, REMEMBERED)
      this.#hasAll = false
    }
    const line = `${JSON.stringify(entry)}\n`
    // A full disk must not stop a failover: the entry is then only in memory.
    void this.#inTurn(() => this.#append(line)).catch(() => {})
    return entry
  }

  /** The last ones, oldest first, as far as they are in memory. */
  recent(count: number): readonly Entry[] {
    return count <= 0 ? [] : this.#recent.slice(-count)
  }

  /** The last `count` of those before this one that are wanted, oldest first. */
  async before(
    id: number,
    count: number,
    isWanted: (entry: Entry) => boolean = () => true,
  ): Promise<readonly Entry[]> {
    if (count <= 0) return []
    const fitting = (entries: readonly Entry[]): Entry[] =>
      entries.filter((entry) => entry.id < id && isWanted(entry)).slice(-count)
    const known = fitting(this.#recent)
    return known.length >= count || this.#hasAll ? known : fitting(await this.#all())
  }

  /** Those after this one, oldest first. */
  async after(id: number): Promise<readonly Entry[]> {
    const isInMemory = this.#hasAll || (this.#recent[0]?.id ?? 0) <= id + 1
    const all = isInMemory ? this.#recent : await this.#all()
    return all.filter((entry) => entry.id > id)
  }

  /** Resolves when all that was added is on disk. */
  async flush(): Promise<void> {
    await this.#queue
  }

  #all(): Promise<Entry[]> {
    const { path, lacking } = this.#options
    return this.#inTurn(() => readLog(path, lacking))
  }

  async #append(line: string): Promise<void> {
    const { path, rotateBytes } = this.#options
    if (this.#bytes > rotateBytes) {
      // Where it cannot be set aside it goes on growing: entries are not to be lost for that.
      await rename(path, olderFile(path)).catch(() => {})
      this.#bytes = 0
    }
    await appendFile(path, this.#isTorn ? `\n${line}` : line, { mode: 0o600 })
    this.#isTorn = false
    this.#bytes += Buffer.byteLength(line)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => {})
    return done
  }
}

/** All entries on disk, oldest first; a last line cut off by a crash is left out. */
export async function readLog<Entry extends { readonly id: number }>(
  path: string,
  lacking: Partial<Entry>,
): Promise<Entry[]> {
  let lastId = 0
  const lines = [...(await readLines<Entry>(olderFile(path))), ...(await readLines<Entry>(path))]
  return lines.map((line) => {
    lastId = line.id ?? lastId + 1
    return { ...lacking, ...line, id: lastId } as Entry
  })
}

function olderFile(path: string): string {
  return `${path}.1`
}

async function readLines<Entry>(path: string): Promise<Partial<Entry>[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Partial<Entry>]
    } catch {
      return []
    }
  })
}
