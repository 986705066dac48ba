/** A row as the wire has it: text, null for NULL. */
export type Row = readonly (string | null)[]

/**
 * Makes one stream of rows of several, in order where each of them is in that order. Rows are given as they come, and
 * taken as soon as it is certain that they are next: of an order that is when each source that has not ended has a row
 * here. So what is held is what was given and not taken.
 *
 * A heap of sources by their first row, as in Knuth, The Art of Computer Programming, vol. 3, 5.4.1.
 */
export class RowMerge<R extends Row = Row> {
  readonly #compare: ((one: R, other: R) => number) | null
  readonly #sources: Source<R>[]
  /** Those with rows, the one with the first row at 0. */
  readonly #heap: Source<R>[] = []
  #toSkip: number
  #toTake: number

  /** `compare`: null for any order. `limit`: null for all. */
  constructor(
    sources: number,
    compare: ((one: R, other: R) => number) | null,
    limit: number | null = null,
    offset = 0,
  ) {
    this.#compare = compare
    this.#sources = Array.from({ length: sources }, (_, at) => ({ at, rows: [], next: 0, ended: false }))
    this.#toSkip = offset
    this.#toTake = limit ?? Number.POSITIVE_INFINITY
  }

  /** Rows of a source behind those that it gave before. */
  give(source: number, rows: readonly R[]): void {
    const own = this.#sources[source] as Source<R>
    const wasEmpty = own.next === own.rows.length
    if (wasEmpty) {
      own.rows = rows
      own.next = 0
    } else own.rows = [...own.rows.slice(own.next), ...rows]
    if (!wasEmpty) own.next = 0
    else if (rows.length > 0) this.#enter(own)
  }

  /** That was all of it. */
  end(source: number): void {
    ;(this.#sources[source] as Source<R>).ended = true
  }

  /** How many rows of a source wait here. */
  waiting(source: number): number {
    const { rows, next } = this.#sources[source] as Source<R>
    return rows.length - next
  }

  /** Nothing comes any more, whatever the sources have. */
  get isDone(): boolean {
    return this.#toTake <= 0 || (this.#heap.length === 0 && this.#sources.every(({ ended }) => ended))
  }

  /** The rows that are next for certain, at most so many. */
  take(most: number): R[] {
    const taken: R[] = []
    while (taken.length < most && this.#toTake > 0 && this.#isCertain) {
      const row = this.#takeFirst()
      if (this.#toSkip > 0) {
        this.#toSkip--
        continue
      }
      this.#toTake--
      taken.push(row)
    }
    return taken
  }

  get #isCertain(): boolean {
    if (this.#heap.length === 0) return false
    return this.#compare === null || this.#heap.length === this.#sources.length || this.#othersHaveEnded
  }

  get #othersHaveEnded(): boolean {
    return this.#sources.every(({ ended, rows, next }) => ended || next < rows.length)
  }

  #takeFirst(): R {
    const source = this.#heap[0] as Source<R>
    const row = source.rows[source.next++] as R
    if (source.next === source.rows.length) {
      const last = this.#heap.pop() as Source<R>
      if (last === source) return row
      this.#heap[0] = last
    }
    this.#sink()
    return row
  }

  #isBefore(one: Source<R>, other: Source<R>): boolean {
    const order = this.#compare?.(one.rows[one.next] as R, other.rows[other.next] as R) ?? 0
    return order === 0 ? one.at < other.at : order < 0
  }

  #enter(source: Source<R>): void {
    const heap = this.#heap
    let at = heap.push(source) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#isBefore(source, heap[parent] as Source<R>)) break
      heap[at] = heap[parent] as Source<R>
      at = parent
    }
    heap[at] = source
  }

  /** The first source has another row than before. */
  #sink(): void {
    const heap = this.#heap
    const source = heap[0] as Source<R>
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as Source<R>, heap[child] as Source<R>))
        child++
      if (!this.#isBefore(heap[child] as Source<R>, source)) break
      heap[at] = heap[child] as Source<R>
      at = child
    }
    heap[at] = source
  }
}

interface Source<R> {
  readonly at: number
  rows: readonly R[]
  next: number
  ended: boolean
}
