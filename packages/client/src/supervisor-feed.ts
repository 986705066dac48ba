import { type ClientRequest, request } from 'node:http'
import type { ToldGroup } from './group-nodes.js'

const RECONNECT_MS = 1000
/** No message of a supervisor is so long: whoever sends it is none. */
const LONGEST_MESSAGE = 1024 * 1024

export interface FeedListener {
  /** Something has happened. */
  event(): void
  /** Which nodes there are: at first, and when nodes came or went. */
  nodes(groups: readonly ToldGroup[]): void
}

/**
 * Hears from the herd's supervisor that something has happened, so that a new primary is known at once
 * rather than with the next probe, and which nodes there are. What has happened to them is always asked of the
 * nodes themselves: the feed only says when. Without it, or while it is away, probes do.
 */
export class SupervisorFeed {
  readonly #address: string
  readonly #listener: FeedListener
  #request: ClientRequest | null = null
  #timer: NodeJS.Timeout | null = null
  #closed = false

  /** `address`: the path of its socket (`.pgherd/NAME/control.sock`), or an `http://` URL. */
  constructor(address: string, listener: FeedListener) {
    this.#address = address
    this.#listener = listener
  }

  start(): void {
    if (this.#closed || this.#request !== null) return
    const headers = { accept: 'text/event-stream' }
    const feed = request(
      { ...targetOf(this.#address), path: '/v1/events?only=event,nodes', headers },
      (response) => {
        let rest = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const messages = (rest + chunk).split('\n\n')
          rest = messages.pop() as string
          for (const message of messages) this.#hear(message)
          if (rest.length > LONGEST_MESSAGE) response.destroy()
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

  #hear(message: string): void {
    const data = /^data: ?(.*)$/m.exec(message)?.[1]
    if (data === undefined) return
    if (!/^event: ?nodes$/m.test(message)) this.#listener.event()
    else if (!this.#closed) this.#listener.nodes(readGroups(data))
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

/** What is not as a supervisor says it counts for nothing. */
function readGroups(data: string): ToldGroup[] {
  const groups = parse(data)
  return Array.isArray(groups) ? groups.filter(isGroup) : []
}

function parse(text: string): unknown {
  try {
    return (JSON.parse(text) as { groups?: unknown } | null)?.groups
  } catch {
    return null
  }
}

function isGroup(group: Partial<ToldGroup> | null): group is ToldGroup {
  const { name, nodes } = group ?? {}
  return typeof name === 'string' && Array.isArray(nodes) && nodes.every((node) => isAddress(node))
}

function isAddress(node: unknown): boolean {
  const port = typeof node === 'string' ? /^.+:(\d{1,5})$/.exec(node)?.[1] : undefined
  return Number(port) >= 1 && Number(port) <= 65_535
}
