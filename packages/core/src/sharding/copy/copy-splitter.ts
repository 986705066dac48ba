import type { ShardMap } from '../shard-map.js'
import { BinaryRows } from './binary-rows.js'
import { badFormat, CopyError, FEATURE_NOT_SUPPORTED } from './copy-error.js'
import type { CopyFormat } from './copy-format.js'
import { CopyKeys, type PlacedKey } from './copy-keys.js'
import { LineRows } from './line-rows.js'
import type { RowScan } from './row-scan.js'

/** What one shard is to be sent, in order. */
export interface CopyBlock {
  /** As an index of the map's shards. */
  readonly shard: number
  /** Its first `headroom` bytes are free. Nobody else has them. */
  readonly bytes: Uint8Array
}

export interface SplitCopy {
  /** The table's name, to speak of. */
  readonly table: string
  readonly format: CopyFormat
  /** How many columns are copied. */
  readonly columns: number
  readonly key: readonly PlacedKey[]
  readonly map: ShardMap
  /** A shard that gets what stands before the first row and behind the last one also if it has no row. */
  readonly first: number
  /** Bytes left free at the beginning of each block: for the head of a message, say. */
  readonly headroom?: number
}

const BLOCK_BYTES = 65_536
/** `PGCOPY`, and bytes that whatever changes line ends or takes the eighth bit away would spoil. */
const SIGNATURE = Uint8Array.of(80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0)
/** The signature, flags, and the length of what comes before the first row. */
const HEAD_BYTES = SIGNATURE.length + 8
const TRAILER = Uint8Array.of(0xff, 0xff)
const BACKSLASH = 92
const DOT = 46

/**
 * Takes the data of `COPY … FROM` apart by shard: bytes in, in pieces of any size, and out for each shard those of
 * its rows, unchanged and in their order, as the data of a COPY of its own. Of the rows it reads the shard key
 * alone; what is wrong with the rest, the shard says.
 *
 * It holds a block of some 64 kB for each shard, and a row that has not come to its end.
 */
export class CopySplitter {
  readonly #copy: SplitCopy
  readonly #headroom: number
  readonly #rows: RowScan
  readonly #keys: CopyKeys
  readonly #isCsv: boolean
  readonly #open: (OpenBlock | null)[] = []
  /** Those that were sent the head. */
  readonly #begun = new Set<number>()
  #ready: CopyBlock[] = []
  /** The beginning of a row, or of the head. */
  #carry = new Uint8Array(1024)
  #carried = 0
  /** What comes before the first row, on every shard; null until it has come. */
  #head: Uint8Array | null
  #count = 0

  /** Throws CopyError for a format that no server takes either. */
  constructor(copy: SplitCopy) {
    const { format, key, map, table } = copy
    this.#copy = copy
    this.#headroom = copy.headroom ?? 0
    this.#keys = new CopyKeys(table, key, map, format)
    this.#isCsv = format.kind === 'csv'
    this.#rows = scanOf(format, copy.columns)
    const hasHead = format.kind === 'binary' || format.header
    this.#head = hasHead ? null : new Uint8Array(0)
  }

  /** Takes the next piece, and gives the blocks that are full with it. Throws CopyError. */
  push(chunk: Uint8Array): CopyBlock[] {
    try {
      let at = this.#copy.format.kind === 'binary' && this.#head === null ? this.#takeHead(chunk) : 0
      const rows = this.#rows
      while (at < chunk.length && !rows.ended) {
        const next = rows.scan(chunk, at)
        if (next < 0) this.#keep(chunk, at, chunk.length)
        else if (this.#carried > 0) {
          this.#keep(chunk, at, next)
          this.#take(this.#carry, 0, this.#carried)
          this.#carried = 0
        } else this.#take(chunk, at, next)
        at = next < 0 ? chunk.length : next
      }
      if (rows.ended && this.#copy.format.kind === 'binary' && at < chunk.length)
        throw badFormat('received copy data after EOF marker')
    } catch (error) {
      throw this.#told(error)
    }
    return this.#handOver()
  }

  /** There is nothing more: gives all that is left. Throws CopyError. */
  finish(): CopyBlock[] {
    const { format, first } = this.#copy
    try {
      if (format.kind === 'binary' && this.#head === null)
        throw badFormat('COPY file signature not recognized')
      if (!this.#rows.ended && this.#rows.finish()) this.#take(this.#carry, 0, this.#carried)
    } catch (error) {
      throw this.#told(error)
    }
    this.#head ??= new Uint8Array(0)
    this.#begin(first)
    if (format.kind === 'binary' && this.#rows.ended)
      for (const shard of this.#begun) this.#put(shard, TRAILER, 0, TRAILER.length)
    for (const [shard, block] of this.#open.entries()) if (block != null) this.#close(shard, block)
    return this.#handOver()
  }

  #handOver(): CopyBlock[] {
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  /** A row, or a line that is none. */
  #take(bytes: Uint8Array, from: number, to: number): void {
    const rows = this.#rows
    if (!rows.ended) {
      this.#count++
      if (this.#head === null) this.#head = bytes.slice(from, to)
      else {
        if (this.#isCsv && isMarker(bytes, from, rows.end)) throw markerInCsv()
        const shard = this.#keys.locate(bytes, from, rows)
        if (!this.#begun.has(shard)) this.#begin(shard)
        this.#put(shard, bytes, from, to)
      }
    }
    rows.begin()
  }

  #begin(shard: number): void {
    if (this.#begun.has(shard)) return
    this.#begun.add(shard)
    const head = this.#head as Uint8Array
    this.#put(shard, head, 0, head.length)
  }

  #put(shard: number, bytes: Uint8Array, from: number, to: number): void {
    const length = to - from
    let block = this.#open[shard]
    if (block == null || block.used + length > block.bytes.length) {
      if (block != null) this.#close(shard, block)
      block = {
        bytes: new Uint8Array(this.#headroom + Math.max(BLOCK_BYTES, length)),
        used: this.#headroom,
      }
      this.#open[shard] = block
    }
    copyBytes(bytes, from, to, block.bytes, block.used)
    block.used += length
  }

  #close(shard: number, { bytes, used }: OpenBlock): void {
    this.#open[shard] = null
    if (used > this.#headroom) this.#ready.push({ shard, bytes: bytes.subarray(0, used) })
  }

  /** Of what stands before the first row in binary; says how much of the chunk it was. */
  #takeHead(chunk: Uint8Array): number {
    let at = 0
    for (;;) {
      const wanted = this.#carried < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + readExtension(this.#carry)
      const taken = Math.min(wanted - this.#carried, chunk.length - at)
      this.#keep(chunk, at, at + taken)
      at += taken
      if (this.#carried < wanted) return at
      if (wanted > HEAD_BYTES || readExtension(this.#carry) === 0) break
    }
    this.#head = this.#carry.subarray(0, this.#carried)
    this.#carry = new Uint8Array(1024)
    this.#carried = 0
    return at
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.#carried + to - from
    if (needed > this.#carry.length) {
      const larger = new Uint8Array(2 * needed)
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    copyBytes(bytes, from, to, this.#carry, this.#carried)
    this.#carried = needed
  }

  #told(error: unknown): unknown {
    if (error instanceof CopyError)
      error.where ??= `COPY ${this.#copy.table}, row ${Math.max(1, this.#count)}`
    return error
  }
}

interface OpenBlock {
  readonly bytes: Uint8Array
  used: number
}

function scanOf(format: CopyFormat, columns: number): RowScan {
  if (format.kind === 'binary') return new BinaryRows(columns)
  const delimiter = singleByte('delimiter', format.delimiter)
  if (format.kind === 'text') return new LineRows(delimiter, null)
  const quote = singleByte('quote', format.quote)
  return new LineRows(delimiter, { quote, escape: singleByte('escape', format.escape) })
}

function singleByte(what: string, text: string): number {
  const code = text.length === 1 ? text.charCodeAt(0) : 0
  if (code > 0 && code < 128 && code !== 10 && code !== 13) return code
  throw new CopyError(FEATURE_NOT_SUPPORTED, `COPY ${what} must be a single one-byte character`)
}

/** Of what servers before 18 take for the end of all rows, and later ones for a row. */
function isMarker(bytes: Uint8Array, from: number, length: number): boolean {
  return length === 2 && bytes[from] === BACKSLASH && bytes[from + 1] === DOT
}

function markerInCsv(): CopyError {
  return badFormat(
    'a line of "\\." in CSV is a row to some versions of PostgreSQL and the end to others',
    'Leave it out at the end of the data; quote it where it is a value.',
  )
}

/** How many bytes come between the head and the first row. */
function readExtension(head: Uint8Array): number {
  if (SIGNATURE.some((byte, at) => head[at] !== byte)) throw badFormat('COPY file signature not recognized')
  const numbers = new DataView(head.buffer, head.byteOffset + SIGNATURE.length)
  const flags = numbers.getUint32(0)
  if ((flags & (1 << 16)) !== 0) throw badFormat('invalid COPY file header (WITH OIDS)')
  if (flags >>> 16 !== 0) throw badFormat('unrecognized critical flags in COPY file header')
  const length = numbers.getInt32(4)
  if (length < 0) throw badFormat('invalid COPY file header (missing length)')
  return length
}

/** Rows are short: a call into the runtime would cost more than most of them do. */
const SHORT = 48

function copyBytes(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if (end - start > SHORT) into.set(from.subarray(start, end), at)
  else for (let place = start; place < end; place++) into[at++] = from[place] as number
}
