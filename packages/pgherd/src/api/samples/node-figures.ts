import type { Herd } from '@pgherd/cluster'
import pg from 'pg'

/** What one server counts. */
export interface NodeFigures {
  /** Commits and rollbacks since its statistics began. */
  readonly transactions: number
  readonly connections: number
}

const CONNECT_MS = 2000
const ANSWER_MS = 900
/** The supervisor's own sessions, this one among them, are nobody's business. */
const FIGURES_SQL = `
select (select sum(xact_commit + xact_rollback)::float8 from pg_stat_database) as transactions,
  (select count(*)::int from pg_stat_activity
    where backend_type = 'client backend' and application_name <> 'pgherd supervisor') as connections`

/** Asks one node what it counts, over a connection that stays open, never two questions at once. */
export class NodeFiguresReader {
  readonly #herd: Herd
  readonly #node: string
  #client: pg.Client | null = null
  #isBusy = false
  #isClosed = false

  constructor(herd: Herd, node: string) {
    this.#herd = herd
    this.#node = node
  }

  /** Null: it does not answer. */
  async read(): Promise<NodeFigures | null> {
    if (this.#isBusy || this.#isClosed) return null
    this.#isBusy = true
    try {
      this.#client ??= await this.#connect()
      const { rows } = await this.#client.query<NodeFigures>({ name: 'pgherd-figures', text: FIGURES_SQL })
      return rows[0] ?? null
    } catch {
      this.#drop()
      return null
    } finally {
      this.#isBusy = false
    }
  }

  close(): void {
    this.#isClosed = true
    this.#drop()
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...this.#herd.administratorOf(this.#node),
      user: 'postgres',
      database: 'postgres',
      application_name: 'pgherd supervisor',
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    await client.connect()
    if (this.#isClosed) await client.end()
    return client
  }

  #drop(): void {
    const client = this.#client
    this.#client = null
    if (client === null) return
    client.end().catch(() => {})
    // A hung server never acknowledges the end of the session.
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
}
