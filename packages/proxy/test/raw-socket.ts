import { once } from 'node:events'
import net from 'node:net'

/** A connection that says bytes as they are, before anybody has agreed on anything. */
export class RawSocket {
  readonly socket: net.Socket
  #heard = Buffer.alloc(0)
  #wake: (() => void) | null = null
  /** The other side has closed it. */
  ended = false

  private constructor(socket: net.Socket) {
    this.socket = socket
    const changed = (): void => this.#wake?.()
    socket.on('data', (chunk: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, chunk])
      changed()
    })
    socket.on('error', () => {})
    const end = (): void => {
      this.ended = true
      changed()
    }
    socket.on('end', end).on('close', end)
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawSocket> {
    const socket = net.connect({ port, host, allowHalfOpen: true })
    await once(socket, 'connect')
    return new RawSocket(socket)
  }

  say(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  get heard(): Buffer {
    return this.#heard
  }

  /** What has been heard by the time that `enough` holds, or the other side is gone. */
  async hear(enough: (heard: Buffer) => boolean): Promise<Buffer> {
    while (!this.ended && !enough(this.#heard)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const heard = this.#heard
    this.#heard = Buffer.alloc(0)
    return heard
  }

  /** All that is said until the other side closes. */
  farewell(): Promise<Buffer> {
    return this.hear(() => false)
  }

  end(): void {
    this.socket.destroy()
  }
}

export const isMessage = (heard: Buffer): boolean =>
  heard.length >= 5 && heard.length >= 1 + heard.readInt32BE(1)
