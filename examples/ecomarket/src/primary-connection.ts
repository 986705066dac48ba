import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** What is needed of a herd to find who may write. */
export interface PrimaryFinder {
  primaryOf(): { name: string } | null
  dsn(node: string): string
}

/** A connection to the node that was the primary when it was opened. */
export interface OpenConnection {
  client: pg.Client
  node: string
  openedAtMs: number
}

const ASK_AGAIN_MS = 20
const CONNECT_TIMEOUT_MS = 2000
/** Longer than any failover here: what takes longer than this hangs. */
const QUERY_TIMEOUT_MS = 20_000

/**
 * One connection to whoever is the primary now. It asks the herd, connects, and does both again when
 * the connection is lost. It repeats no statement: whether that is safe only its caller knows.
 *
 * This is the least that works with the supervisor in the same process. An application of its own
 * uses a client that finds the primary by itself.
 */
export class PrimaryConnection {
  readonly #finder: PrimaryFinder
  #open: OpenConnection | null = null

  constructor(finder: PrimaryFinder) {
    this.#finder = finder
  }

  /** The connection, opened anew if need be: waits while there is no primary. Rejects when `signal` fires. */
  async get(signal: AbortSignal): Promise<OpenConnection> {
    for (;;) {
      signal.throwIfAborted()
      const primary = this.#finder.primaryOf()?.name ?? null
      if (this.#open !== null && this.#open.node === primary) return this.#open
      this.discard()
      if (primary !== null) this.#open = await this.#connect(primary)
      if (this.#open === null) await sleep(ASK_AGAIN_MS)
    }
  }

  /** Gives the connection up, after an error that left it useless or its state unclear. */
  discard(): void {
    const open = this.#open
    this.#open = null
    void open?.client.end().catch(() => {})
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = null
    await open?.client.end().catch(() => {})
  }

  /** Null when the node does not answer or does not take writes yet. */
  async #connect(node: string): Promise<OpenConnection | null> {
    const client = new pg.Client({
      connectionString: this.#finder.dsn(node),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: 'ecomarket',
    })
    const openedAtMs = performance.now()
    client.on('error', () => {
      if (this.#open?.client === client) this.#open = null
    })
    try {
      await client.connect()
      const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
      if (rows[0]?.standby === false) return { client, node, openedAtMs }
    } catch {
      // The reason is the same for all: it is not the primary now. The herd will say who is.
    }
    void client.end().catch(() => {})
    return null
  }
}
