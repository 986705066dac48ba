import { type ClientRequest, request } from 'node:http'

const RECONNECT_MS = 1000

/**
 * Hears from the herd's supervisor that something has happened, so that a new primary is known at once
 * rather than with the next probe. What has happened is always asked of the nodes themselves: the feed only
 * says when. Without it, or while it is away, probes do.
 */
export class SupervisorFeed {
  readonly #address: string
  readonly #onEvent: () => void
  #request: ClientRequest | null = null
  #timer: NodeJS.Timeout | null = null
  #closed = false

  /** `address`: the path of its socket (`.pgherd/NAME/control.sock`), or an `http://` URL. */
  constructor(address: string, onEvent: () => void) {
    this.#address = address
    this.#onEvent = onEvent
  }

  start(): void {
    if (this.#closed || this.#request !== null) return
    const headers = { accept: 'text/event-stream' }
    const feed = request(
      { ...targetOf(this.#address), path: '/v1/events?only=event', headers },
      (response) => {
        response.on('data', (chunk: Buffer) => {
          if (chunk.includes('data:')) this.#onEvent()
        })
        response.once('close', () => this.#again())
      },
    )
    // It keeps no process alive.
    feed.on('socket', (socket) => socket.unref())
    feed.once('error', () => this.#again())
    feed.end()
    this.#request = feed
  }

  #again(): void {
    this.#request = null
    if (this.#closed || this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.start()
    }, RECONNECT_MS)
    this.#timer.unref()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#request?.destroy()
  }
}

function targetOf(address: string): { socketPath: string } | { hostname: string; port: string } {
  if (!address.startsWith('http://')) return { socketPath: address }
  const { hostname, port } = new URL(address)
  return { hostname, port }
}
