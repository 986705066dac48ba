import type { HerdStatus } from '@pgherd/core'
import pg from 'pg'

/** What is needed of a herd to find where to read. */
export interface ReaderHerd {
  status(options: { fresh: boolean }): Promise<HerdStatus>
  dsn(node: string): string
}

const CONNECT_TIMEOUT_MS = 1000
const QUERY_TIMEOUT_MS = 5000

/** One reader's connections, at most one to a node, opened when first needed. */
export class ReadConnections {
  readonly #herd: ReaderHerd
  readonly #clients = new Map<string, pg.Client>()
  #turn = 0

  constructor(herd: ReaderHerd) {
    this.#herd = herd
  }

  /** Where to read now, best first: the standbys, beginning with the next in turn, and then the primary. */
  async candidates(): Promise<string[]> {
    const { groups } = await this.#herd.status({ fresh: false })
    const running = groups.flatMap((group) => group.nodes).filter((node) => node.state === 'running')
    const named = (role: string): string[] =>
      running.filter((node) => node.role === role).map((node) => node.name)
    const standbys = named('standby')
    const first = standbys.length === 0 ? 0 : this.#turn++ % standbys.length
    return [...standbys.slice(first), ...standbys.slice(0, first), ...named('primary')]
  }

  async open(node: string): Promise<pg.Client> {
    const known = this.#clients.get(node)
    if (known !== undefined) return known
    const client = new pg.Client({
      connectionString: this.#herd.dsn(node),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: 'ecomarket catalogue',
    })
    client.on('error', () => this.discard(node))
    this.#clients.set(node, client)
    await client.connect()
    return client
  }

  discard(node: string): void {
    const client = this.#clients.get(node)
    this.#clients.delete(node)
    void client?.end().catch(() => {})
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()]
    this.#clients.clear()
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
  }
}
