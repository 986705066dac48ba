import { badFormat } from './copy-error.js'
import { MOST_COLUMNS, type RowScan } from './row-scan.js'

const COUNT_BYTES = 2
const LENGTH_BYTES = 4
/** In place of a count: there are no more rows. */
const TRAILER = 0xffff

/**
 * Rows in the binary format: how many columns, then of each its length, or -1 for NULL, and its bytes. Where a
 * column begins is where its length stands. (`CopyFromBinaryOneRow`, src/backend/commands/copyfromparse.c.)
 */
export class BinaryRows implements RowScan {
  readonly starts = new Int32Array(MOST_COLUMNS)
  columns = 0
  end = 0
  readonly isWritten = false
  ended = false
  readonly #expected: number
  #seen = 0
  /** Columns that have been begun. */
  #begun = 0
  /** Bytes left of the number that is being read; 0 between numbers. */
  #left = COUNT_BYTES
  #number = 0
  /** Bytes left of a column. */
  #skipped = 0

  /** `expected`: how many columns every row has. */
  constructor(expected: number) {
    this.#expected = expected
  }

  scan(bytes: Uint8Array, from: number): number {
    const { length } = bytes
    const before = this.#seen - from
    let at = from
    for (;;) {
      const skipped = Math.min(this.#skipped, length - at)
      at += skipped
      this.#skipped -= skipped
      if (this.#skipped > 0) break
      if (this.#left === 0) {
        if (this.#begun === this.columns) {
          this.end = at + before
          return at
        }
        this.starts[this.#begun++] = at + before
        this.#left = LENGTH_BYTES
        this.#number = 0
      }
      while (this.#left > 0 && at < length) {
        this.#number = (this.#number << 8) | (bytes[at++] as number)
        this.#left--
      }
      if (this.#left > 0) break
      if (this.#begun > 0) this.#skipped = readLength(this.#number)
      else if (this.#count(this.#number)) {
        this.end = at + before
        return at
      }
    }
    this.#seen += length - from
    return -1
  }

  /** Whether there are no more rows. */
  #count(count: number): boolean {
    if (count === TRAILER) {
      this.ended = true
      return true
    }
    if (count !== this.#expected)
      throw badFormat(`row field count is ${(count << 16) >> 16}, expected ${this.#expected}`)
    this.columns = count
    return false
  }

  begin(): void {
    this.columns = 0
    this.#seen = 0
    this.#begun = 0
    this.#left = COUNT_BYTES
    this.#number = 0
  }

  finish(): boolean {
    // Half a count is no row to PostgreSQL, and no error.
    if (this.#seen >= COUNT_BYTES) throw badFormat('unexpected EOF in COPY data')
    return false
  }
}

/** Of a column; NULL has none. */
function readLength(length: number): number {
  if (length < -1) throw badFormat('invalid field size')
  return Math.max(length, 0)
}
