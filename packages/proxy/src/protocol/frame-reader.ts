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
  #chunk: Buffer = EMPTY
  #at = 0
  readonly #pieces: Buffer[] = []
  /** Bytes in `#pieces`, and how many the message in them has in all; 0: not known yet. */
  #have = 0
  #need = 0

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  /** Bytes that are held and not read yet. */
  get held(): number {
    return this.#have + this.#chunk.length - this.#at
  }

  push(chunk: Buffer): void {
    if (this.#have > 0) {
      this.#pieces.push(chunk)
      this.#have += chunk.length
    } else if (this.#at < this.#chunk.length) {
      this.#pieces.push(this.#chunk.subarray(this.#at), chunk)
      this.#have = this.#chunk.length - this.#at + chunk.length
      this.#chunk = EMPTY
      this.#at = 0
    } else {
      this.#chunk = chunk
      this.#at = 0
    }
  }

  /** The next message with its header; null until all of it is there. Throws ProtocolViolation. */
  next(): Buffer | null {
    if (this.#have > 0) {
      if (this.#have < HEADER) return null
      if (this.#need === 0) this.#need = this.#lengthAt(this.#together(HEADER), 0)
      if (this.#have < this.#need) return null
      this.#chunk = this.#together(this.#have)
      this.#at = 0
      this.#pieces.length = 0
      this.#have = this.#need = 0
    }
    if (this.#chunk.length - this.#at < HEADER) return null
    const length = this.#lengthAt(this.#chunk, this.#at)
    const end = this.#at + length
    if (end > this.#chunk.length) return null
    const message = this.#chunk.subarray(this.#at, end)
    this.#at = end
    return message
  }

  /** Everything that is held, message or not: what follows speaks another protocol. */
  rest(): Buffer {
    const rest = this.#have > 0 ? this.#together(this.#have) : this.#chunk.subarray(this.#at)
    this.#chunk = EMPTY
    this.#at = this.#have = this.#need = 0
    this.#pieces.length = 0
    return rest
  }

  /** The pieces as one, if the first is too short for `bytes`. */
  #together(bytes: number): Buffer {
    const [first] = this.#pieces as [Buffer]
    if (first.length >= bytes && this.#pieces.length > 0 && bytes === HEADER) return first
    const all = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#have)
    this.#pieces.length = 1
    this.#pieces[0] = all
    return all
  }

  #lengthAt(buffer: Buffer, at: number): number {
    const length = buffer.readInt32BE(at + 1)
    if (length < 4 || length > this.maxLength) {
      throw new ProtocolViolation(
        `invalid message length ${length} of message type ${JSON.stringify(String.fromCharCode(buffer[at] as number))}`,
      )
    }
    return length + 1
  }
}
