const COPY_DATA = 100
const COPY_DONE = 99
const COPY_FAIL = 102
/** The kind of a message, and its length, which counts itself. */
export const HEAD_BYTES = 5
const LENGTH_BYTES = 4

/** The end of what is copied, as a message. */
export const COPY_DONE_MESSAGE: Uint8Array = Uint8Array.of(COPY_DONE, 0, 0, 0, LENGTH_BYTES)

/** What a client sends while it copies, as it is found. */
export interface CopyMessages {
  /** Some of the data; where messages begin and end means nothing. */
  data(bytes: Uint8Array): void
  done(): void
  fail(): void
}

/** Finds in bytes that come in pieces the data of CopyData messages, CopyDone and CopyFail. */
export class CopyFrames {
  readonly #head = new Uint8Array(HEAD_BYTES)
  #seen = 0
  /** Bytes left of the message under way. */
  #left = 0

  read(bytes: Uint8Array, into: CopyMessages): void {
    for (let at = 0; at < bytes.length; ) {
      while (this.#seen < HEAD_BYTES && at < bytes.length) this.#head[this.#seen++] = bytes[at++] as number
      if (this.#seen < HEAD_BYTES) return
      if (this.#left === 0) this.#left = this.#lengthSaid
      const part = bytes.subarray(at, at + this.#left)
      at += part.length
      this.#left -= part.length
      const [kind] = this.#head
      if (kind === COPY_DATA && part.length > 0) into.data(part)
      if (this.#left > 0) return
      this.#seen = 0
      if (kind === COPY_DONE) into.done()
      else if (kind === COPY_FAIL) into.fail()
    }
  }

  get #lengthSaid(): number {
    const head = this.#head
    return new DataView(head.buffer, head.byteOffset).getUint32(1) - LENGTH_BYTES
  }
}

/** Makes a CopyData message of bytes whose first `HEAD_BYTES` are free. */
export function putHead(bytes: Uint8Array): Uint8Array {
  bytes[0] = COPY_DATA
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(1, bytes.length - 1)
  return bytes
}
