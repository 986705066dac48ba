import { badFormat, type CopyError } from './copy-error.js'
import { MOST_COLUMNS, type RowScan } from './row-scan.js'

const NEWLINE = 10
const RETURN = 13
const DOT = 46
const BACKSLASH = 92

/** What a byte may be; 0 is one of many. */
const IS_DELIMITER = 1
const IS_NEWLINE = 2
const IS_RETURN = 3
const IS_BACKSLASH = 4
const IS_QUOTE = 5
const IS_ESCAPE = 6

type State =
  | 'plain'
  /** Behind a backslash. */
  | 'escaped'
  /** Behind a carriage return, which a newline may follow. */
  | 'returned'
  /** Behind `\.`, which ends all rows if nothing else is in its line. */
  | 'marked'
  | 'marked, returned'

/**
 * Rows in text or CSV, as PostgreSQL finds them (`CopyReadLineText`, src/backend/commands/copyfromparse.c): the
 * first line says how all of them end. In the text format a backslash takes the meaning of whatever follows it,
 * in CSV everything between quotes is plain.
 */
export class LineRows implements RowScan {
  readonly starts = new Int32Array(MOST_COLUMNS)
  columns = 1
  end = 0
  isWritten = false
  ended = false
  readonly #isCsv: boolean
  readonly #plain = new Uint8Array(256)
  readonly #quoted = new Uint8Array(256)
  #lineEnd: '\n' | '\r' | '\r\n' | null = null
  #state: State = 'plain'
  /** Bytes of the row that were seen before. */
  #seen = 0
  #inQuotes = false
  /** Where in the row an escape stands that has one byte left to take the meaning of. */
  #escapeAt = -2

  /** `quoting`: null for the text format. All are single bytes. */
  constructor(delimiter: number, quoting: { readonly quote: number; readonly escape: number } | null) {
    this.#isCsv = quoting !== null
    this.#plain[NEWLINE] = IS_NEWLINE
    this.#plain[RETURN] = IS_RETURN
    if (quoting === null) this.#plain[BACKSLASH] = IS_BACKSLASH
    else {
      this.#plain[quoting.quote] = IS_QUOTE
      if (quoting.escape !== quoting.quote) this.#quoted[quoting.escape] = IS_ESCAPE
      this.#quoted[quoting.quote] = IS_QUOTE
    }
    this.#plain[delimiter] = IS_DELIMITER
  }

  scan(bytes: Uint8Array, from: number): number {
    const { length } = bytes
    const before = this.#seen - from
    let kinds = this.#inQuotes ? this.#quoted : this.#plain
    let at = from
    for (;;) {
      if (this.#state !== 'plain') {
        if (at === length) break
        const next = this.#goOn(bytes[at] as number, at, before)
        if (next >= 0) return next
        if (this.#state !== 'returned') at++
        continue
      }
      while (at < length && kinds[bytes[at] as number] === 0) at++
      if (at === length) break
      switch (kinds[bytes[at] as number]) {
        case IS_DELIMITER:
          if (this.columns < MOST_COLUMNS) this.starts[this.columns++] = at + before + 1
          break
        case IS_NEWLINE:
          if (this.#lineEnd !== '\n') this.#endBy('\n')
          this.end = at + before
          return at + 1
        case IS_RETURN:
          this.end = at + before
          if (this.#lineEnd === '\r') return at + 1
          if (this.#lineEnd === '\n') throw this.#straySign('carriage return', '\\r')
          this.#state = 'returned'
          break
        case IS_BACKSLASH:
          this.isWritten = true
          this.#state = 'escaped'
          break
        case IS_QUOTE:
          this.isWritten = true
          if (this.#inQuotes && this.#escapeAt === at + before - 1) break
          this.#inQuotes = !this.#inQuotes
          kinds = this.#inQuotes ? this.#quoted : this.#plain
          break
        case IS_ESCAPE:
          // One that is escaped escapes nothing.
          this.#escapeAt = this.#escapeAt === at + before - 1 ? -2 : at + before
      }
      at++
    }
    this.#seen += length - from
    return -1
  }

  /** With a byte behind one that needs it; where the row ends, or -1. */
  #goOn(byte: number, at: number, before: number): number {
    switch (this.#state) {
      case 'escaped':
        this.#state = 'plain'
        if (byte !== DOT) return -1
        if (at + before !== 1) throw notAlone()
        this.#state = 'marked'
        return -1
      case 'returned':
        if (byte !== NEWLINE) {
          this.#endBy('\r')
          return at
        }
        this.#endBy('\r\n')
        return at + 1
      case 'marked':
        if (this.#lineEnd === '\r\n' && byte === RETURN) {
          this.#state = 'marked, returned'
          return -1
        }
        if (byte !== NEWLINE && byte !== RETURN) throw notAlone()
        if (this.#lineEnd !== null && this.#lineEnd !== String.fromCharCode(byte)) throw otherLineEnd()
        this.ended = true
        return at + 1
      default:
        if (byte !== NEWLINE) throw notAlone()
        this.ended = true
        return at + 1
    }
  }

  /** All lines end alike. */
  #endBy(found: '\n' | '\r' | '\r\n'): void {
    this.#lineEnd ??= found
    if (this.#lineEnd === found) return
    throw found === '\n' ? this.#straySign('newline', '\\n') : this.#straySign('carriage return', '\\r')
  }

  #straySign(what: string, written: string): CopyError {
    if (this.#isCsv)
      return badFormat(`unquoted ${what} found in data`, `Use quoted CSV field to represent ${what}.`)
    return badFormat(`literal ${what} found in data`, `Use "${written}" to represent ${what}.`)
  }

  begin(): void {
    this.columns = 1
    this.isWritten = false
    this.#state = 'plain'
    this.#seen = 0
    this.#inQuotes = false
    this.#escapeAt = -2
  }

  finish(): boolean {
    if (this.#state === 'marked' || this.#state === 'marked, returned') throw notAlone()
    if (this.#state === 'returned') {
      this.#endBy('\r')
      return true
    }
    if (this.#inQuotes) throw badFormat('unterminated CSV quoted field')
    this.end = this.#seen
    return this.#seen > 0
  }
}

function notAlone(): CopyError {
  return badFormat('end-of-copy marker is not alone on its line')
}

function otherLineEnd(): CopyError {
  return badFormat('end-of-copy marker does not match previous newline style')
}
