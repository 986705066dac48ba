import { parseLsn } from '@pgherd/core'
import type { Probe } from '@pgherd/core/routing'
import pg from 'pg'
import { internalsOf, withoutParsers } from './pg-internals.js'
import { sqlStateOf } from './server-error.js'

/**
 * Role, position and identity of a server in one cheap row. The timeline of a primary is read off its WAL
 * file's name, since its control file lags behind a promotion; its position is what it has flushed, since what
 * is only inserted, by a transaction that stays open for instance, is not sent to standbys.
 */
const PROBE_SQL = `
select r.recovery,
  (select system_identifier::text from pg_control_system()) as system_identifier,
  case when r.recovery then (select timeline_id from pg_control_checkpoint())
    else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
  coalesce(case when r.recovery then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end, '0/0')::text as lsn
from (select pg_is_in_recovery() as recovery) r`.replace(/\s+/g, ' ')

/** For a server that does not let everybody look into its control file: its cluster goes unchecked. */
const PLAIN_PROBE_SQL = `
select r.recovery, null as system_identifier,
  case when r.recovery then 0
    else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
  coalesce(case when r.recovery then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end, '0/0')::text as lsn
from (select pg_is_in_recovery() as recovery) r`.replace(/\s+/g, ' ')

/** insufficient_privilege, undefined_function, feature_not_supported */
const NOT_TOLD: ReadonlySet<string> = new Set(['42501', '42883', '0A000'])

interface ProbeRow {
  recovery: boolean
  system_identifier: string | null
  timeline: number
  lsn: string
}

/** Watches one node over a connection of its own. At most one question is under way. */
export class NodeProbe {
  readonly #name: string
  readonly #config: pg.ClientConfig
  readonly #timeoutMs: number
  #client: pg.Client | null = null
  #asking: Promise<Probe> | null = null
  #sql = PROBE_SQL
  #closed = false
  /** Called when its connection ended though nobody asked for it: the server may have started again. */
  onLost: (() => void) | null = null
  /** Why it failed the last time, as the driver or server said it. */
  lastError: Error | null = null
  /** The last time it said nothing at all in the time it had. */
  wasLate = false

  constructor(name: string, config: pg.ClientConfig, timeoutMs: number) {
    const { query_timeout: _none, ...rest } = config
    this.#name = name
    this.#config = { ...withoutParsers(rest), connectionTimeoutMillis: timeoutMs }
    this.#timeoutMs = timeoutMs
  }

  /** Asks the node how it is; joins a question that is under way. Never rejects. */
  ask(): Promise<Probe> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** A question is under way: what it brings may be older than what has happened meanwhile. */
  get asking(): boolean {
    return this.#asking !== null
  }

  async #ask(): Promise<Probe> {
    const askedAtMs = performance.now()
    let timer: NodeJS.Timeout | undefined
    let wasLate = false
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        wasLate = true
        reject(new Error(`no answer within ${this.#timeoutMs} ms`))
      }, this.#timeoutMs)
    })
    try {
      const { rows } = await Promise.race([this.#query(), late])
      const row = rows[0] as ProbeRow
      this.lastError = null
      return {
        kind: 'answer',
        node: this.#name,
        askedAtMs,
        recovery: row.recovery,
        systemIdentifier: row.system_identifier,
        timeline: row.timeline,
        lsn: parseLsn(row.lsn),
      }
    } catch (error) {
      this.lastError = error as Error
      this.#drop()
      return { kind: 'failure', node: this.#name, askedAtMs, why: describe(error as Error) }
    } finally {
      this.wasLate = wasLate
      clearTimeout(timer)
    }
  }

  async #query(): Promise<pg.QueryResult<ProbeRow>> {
    if (this.#closed) throw new Error('the pool has been ended')
    if (this.#client === null) {
      const client = new pg.Client(this.#config)
      const lost = (): void => {
        if (client !== this.#client) return
        this.#drop(client)
        this.onLost?.()
      }
      client.on('error', lost)
      client.once('end', lost)
      this.#client = client
      await client.connect()
    }
    const client = this.#client
    if (client === null) throw new Error('the connection ended')
    const { ref, unref } = internalsOf(client)
    ref.call(client)
    try {
      return await client.query<ProbeRow>(this.#sql)
    } catch (error) {
      if (this.#sql === PLAIN_PROBE_SQL || !NOT_TOLD.has(sqlStateOf(error as Error) ?? '')) throw error
      this.#sql = PLAIN_PROBE_SQL
      return await client.query<ProbeRow>(this.#sql)
    } finally {
      unref.call(client)
    }
  }

  #drop(client = this.#client): void {
    if (client === null || client !== this.#client) return
    this.#client = null
    internalsOf(client).connection.stream.destroy()
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = null
    this.#closed = true
    if (client === null) return
    // A server that hangs does not say goodbye.
    const timer = setTimeout(() => internalsOf(client).connection.stream.destroy(), this.#timeoutMs)
    await client.end().catch(() => {})
    clearTimeout(timer)
  }
}

function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  // Several addresses of one name: the errors of each are inside.
  const message = error.message || (error as AggregateError).errors?.map(String).join(', ') || error.name
  return code === null || message.includes(code) ? message : `${message} (${code})`
}
