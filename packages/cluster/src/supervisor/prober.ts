import { connect } from 'node:net'
import pg from 'pg'
import type { ServerAddress } from '../postgres/index.js'
import {
  type GroupDirectory,
  HISTORY_SQL,
  PROBE_SQL,
  type ProbeResult,
  type ProbeRow,
  readProbe,
} from './probe-sql.js'

export interface ProberOptions {
  address: ServerAddress
  password: string
  directory: GroupDirectory
  onAnswer: (result: ProbeResult) => void
  /** The server said why it does not serve (starting up, recovering, shutting down). */
  onRefusal: () => void
  /** The connection broke: the server may be gone. */
  onBroken: () => void
}

/** A probe that has not come back for this long is given up and its connection with it. */
const GIVE_UP_MS = 5000
/** The request for TLS (protocol 3.0): the shortest thing that a postmaster answers. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/**
 * Asks one server how it is, over a connection that stays open, never two questions at once.
 *
 * A primary is also knocked at on a new connection each time: sessions that are open go on working
 * while a stuck postmaster lets nobody else in, and a herd in that state does not serve.
 */
export class Prober {
  readonly #options: ProberOptions
  #client: pg.Client | null = null
  #underWay = false
  #closed = false
  #generation = 0
  #writes = false
  #history: { timeline: number; text: string | null } = { timeline: 1, text: null }

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** Starts a probe unless one is under way. `detail`: include what costs more. */
  probe(nowMs: number, detail: boolean): void {
    if (this.#underWay || this.#closed) return
    this.#underWay = true
    const generation = this.#generation
    const giveUp = setTimeout(() => this.reset(), GIVE_UP_MS)
    this.#ask(nowMs, detail, generation)
      .catch((error: unknown) => this.#onFailure(error, generation))
      .finally(() => {
        clearTimeout(giveUp)
        if (generation === this.#generation) this.#underWay = false
      })
  }

  /** Drops the connection; the next probe makes a new one. What was asked before is not heard any more. */
  reset(): void {
    this.#generation++
    this.#underWay = false
    this.#writes = false
    this.#drop()
  }

  close(): void {
    this.#closed = true
    this.reset()
  }

  async #ask(nowMs: number, detail: boolean, generation: number): Promise<void> {
    const client = this.#client ?? (await this.#connect(generation))
    const [{ rows }] = await Promise.all([
      client.query<ProbeRow>({ name: 'pgherd-probe', text: PROBE_SQL, values: [detail] }),
      this.#writes ? knock(this.#options.address) : null,
    ])
    const row = rows[0] as ProbeRow
    this.#writes = !row.recovery
    const history = row.recovery ? null : await this.#readHistory(client, row.timeline)
    if (generation !== this.#generation) return
    this.#options.onAnswer(readProbe(row, history, nowMs, this.#options.directory))
  }

  async #readHistory(client: pg.Client, timeline: number): Promise<string | null> {
    if (timeline === 1) return null
    if (this.#history.timeline !== timeline) {
      const { rows } = await client.query<{ history: string | null }>(HISTORY_SQL, [timeline])
      this.#history = { timeline, text: rows[0]?.history ?? null }
    }
    return this.#history.text
  }

  async #connect(generation: number): Promise<pg.Client> {
    const { address, password } = this.#options
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      user: 'postgres',
      password,
      database: 'postgres',
      application_name: 'pgherd supervisor',
      connectionTimeoutMillis: GIVE_UP_MS,
    })
    client.on('error', () => this.#onBroken(client))
    client.on('end', () => this.#onBroken(client))
    try {
      await client.connect()
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    if (generation !== this.#generation) {
      client.end().catch(() => {})
      throw new Error('the probe was reset while it connected')
    }
    this.#client = client
    return client
  }

  #onFailure(error: unknown, generation: number): void {
    if (generation !== this.#generation) return
    this.#drop()
    const { code } = error as { code?: unknown }
    // Five characters: an SQLSTATE, so it was the server that spoke.
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) this.#options.onRefusal()
  }

  #onBroken(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = null
    this.#options.onBroken()
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

/** Resolves when the postmaster answers on a new connection. */
function knock({ host, port }: ServerAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(SSL_REQUEST))
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy(new Error('no answer to a knock')))
    socket.once('data', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an answer')))
  })
}
