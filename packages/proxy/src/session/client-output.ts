import type net from 'node:net'

/** Copying so much costs less than writing it in pieces. */
const SMALL = 16 * 1024

/** Those with something to say in this turn of the event loop: one tick for all costs less than one each. */
let due: ClientOutput[] = []

function flushDue(): void {
  const outputs = due
  due = []
  for (const output of outputs) output.flush()
}

/** What a client is told: all of one turn of the event loop goes out as one. */
export class ClientOutput {
  readonly #socket: net.Socket
  readonly #full: () => void
  #pieces: Buffer[] = []
  #bytes = 0

  /** `full` is called when the client does not read as fast as it is told. */
  constructor(socket: net.Socket, full: () => void) {
    this.#socket = socket
    this.#full = full
  }

  say(piece: Buffer): void {
    if (this.#pieces.push(piece) === 1 && due.push(this) === 1) process.nextTick(flushDue)
    this.#bytes += piece.length
  }

  flush(): void {
    const pieces = this.#pieces
    if (pieces.length === 0) return
    const isSmall = this.#bytes <= SMALL
    this.#pieces = []
    this.#bytes = 0
    if (!this.#socket.writable) return
    if (pieces.length === 1) this.#socket.write(pieces[0] as Buffer)
    else if (isSmall) this.#socket.write(Buffer.concat(pieces))
    else {
      this.#socket.cork()
      for (const piece of pieces) this.#socket.write(piece)
      this.#socket.uncork()
    }
    if (this.#socket.writableNeedDrain) this.#full()
  }
}
