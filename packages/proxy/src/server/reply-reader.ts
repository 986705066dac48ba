/** Who hears what a server sends. */
export interface ReplyListener {
  /** Bytes to be handed on as they are: whole messages, or pieces of one. */
  bytes(piece: Buffer): void
  /** A whole message of a type that was asked for. */
  message(type: number, message: Buffer): void
}

const HEADER = 5
const EMPTY = Buffer.alloc(0)

/**
 * Walks over what a server sends, from message to message, looking only at the types that matter. What
 * does not is passed on in pieces as large as it came, and never kept.
 */
export class ReplyReader {
  readonly #listener: ReplyListener
  /** By type: whether it is wanted whole. */
  notable: Uint8Array
  /** Bytes of a message that does not matter which are still to come. */
  #skip = 0
  /** The beginning of a message that matters, or of a header. */
  #begun: Buffer = EMPTY

  constructor(listener: ReplyListener, notable: Uint8Array) {
    this.#listener = listener
    this.notable = notable
  }

  push(given: Buffer): void {
    let chunk = given
    if (this.#begun.length > 0) {
      chunk = Buffer.concat([this.#begun, given])
      this.#begun = EMPTY
    }
    const { length } = chunk
    let from = 0
    let at = 0
    if (this.#skip > 0) {
      at = Math.min(this.#skip, length)
      this.#skip -= at
    }
    while (at + HEADER <= length) {
      const type = chunk[at] as number
      const end = at + 1 + chunk.readUInt32BE(at + 1)
      if (this.notable[type] === 0) {
        if (end > length) {
          this.#skip = end - length
          at = length
        } else at = end
        continue
      }
      if (end > length) break
      if (from < at) this.#listener.bytes(chunk.subarray(from, at))
      this.#listener.message(type, chunk.subarray(at, end))
      from = at = end
    }
    if (from < at) this.#listener.bytes(chunk.subarray(from, at))
    if (at < length) this.#begun = chunk.subarray(at)
  }
}

/** For `ReplyReader.notable`. */
export function notableTypes(types: readonly number[]): Uint8Array {
  const notable = new Uint8Array(256)
  for (const type of types) notable[type] = 1
  return notable
}
