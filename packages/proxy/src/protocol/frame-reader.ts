import { ProtocolViolation } from './protocol-violation.js'

const EMPTY = Buffer.alloc(0)
/** One byte of type and four of length. */
const HEADER = 5

/**
 * Cuts what a client sends into messages. A message that comes in many pieces is put together once.
 */
export class FrameReader {
  /** PostgreSQL refuses messages longer than this; before a login it is much less. */
  maxLength: number
  /** What is read, and from where. */
  #chunk: Buffer = EMPTY
  #at = 0
  /** What came while the message at the end of `#chunk` was not whole. */
  #later: Buffer[] = []
  #held = 0
  /** With so many bytes there is more to be said than before. */
  #need = HEADER

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  /** Bytes that are held and not read yet. */
  get held(): number {
    return this.#held
  }

  push(chunk: Buffer): void {
    if (this.#held > 0) this.#later.push(chunk)
    else {
      this.#chunk = chunk
      this.#at = 0
    }
    this.#held += chunk.length
  }

  /** The next message with its header; null until all of it is there. Throws ProtocolViolation. */
  next(): Buffer | null {
    if (this.#held < HEADER || this.#held < this.#need) return null
    this.#join(HEADER)
    const length = this.#lengthAt(this.#at)
    if (this.#held < length) {
      this.#need = length
      return null
    }
    this.#join(length)
    this.#need = HEADER
    this.#held -= length
    const from = this.#at
    this.#at += length
    return this.#chunk.subarray(from, this.#at)
  }

  /**
   * Messages of one type that stand in a row, as one piece; null when the next one is of another type or not
   * whole. Throws ProtocolViolation.
   */
  nextRun(type: number): Buffer | null {
    if (this.#held < HEADER || this.#held < this.#need) return null
    this.#join(HEADER)
    if (this.#chunk[this.#at] !== type) return null
    const first = this.next()
    if (first === null) return null
    const from = this.#at - first.length
    while (this.#at + HEADER <= this.#chunk.length && this.#chunk[this.#at] === type) {
      const length = this.#lengthAt(this.#at)
      if (this.#at + length > this.#chunk.length) break
      this.#at += length
      this.#held -= length
    }
    return this.#chunk.subarray(from, this.#at)
  }

  /** Everything that is held, message or not: what follows speaks another protocol. */
  rest(): Buffer {
    this.#join(this.#held)
    const rest = this.#chunk.subarray(this.#at)
    this.#chunk = EMPTY
    this.#at = this.#held = 0
    this.#need = HEADER
    return rest
  }

  /** Puts what is held together, unless so many bytes of it are. */
  #join(bytes: number): void {
    if (this.#chunk.length - this.#at >= bytes) return
    this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), ...this.#later], this.#held)
    this.#at = 0
    this.#later = []
  }

  #lengthAt(at: number): number {
    const length = this.#chunk.readInt32BE(at + 1)
    if (length < 4 || length > this.maxLength) {
      const type = JSON.stringify(String.fromCharCode(this.#chunk[at] as number))
      throw new ProtocolViolation(`invalid message length ${length} of message type ${type}`)
    }
    return length + 1
  }
}
