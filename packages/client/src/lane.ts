import { type Lsn, parseLsn } from '@pgherd/core'
import pg from 'pg'
import { gatherWrites } from './gather-writes.js'
import { isUsualMake, makeLaneQuery, type Prepared } from './lane-query.js'
import { internalsOf, type PgCallback, type PgQueryConfig, type PgResultInternals } from './pg-internals.js'
import { isFatal } from './server-error.js'

/** A lane that has prepared so many statements is replaced by a new one, so that the server can forget them. */
const MAX_PREPARED = 500

export const REPLAYED_SQL = 'select pg_last_wal_replay_lsn()::text as lsn'

/** How far a standby had replayed; null until the answer is there, and when there is none. */
export interface Replayed {
  readonly lsn: Lsn | null
}

/** How a statement on a lane ended. */
export type LaneOutcome =
  | { readonly kind: 'done'; readonly result: pg.QueryResult }
  | { readonly kind: 'refused'; readonly error: Error }
  /** The connection ended before its answer was complete. */
  | { readonly kind: 'cut-off'; readonly error: Error }
  /** The lane could not be opened. */
  | { readonly kind: 'unsent'; readonly error: Error }

/**
 * A connection on which autocommit reads of many callers are pipelined, each under a Sync of its own, so
 * that an error is its own statement's alone. Statements are prepared when they come again.
 *
 * The server cancels what takes longer than `patienceMs` (SQLSTATE 57014): its neighbours go on, and the
 * caller runs it again elsewhere.
 */
export class Lane {
  readonly #client: pg.Client
  readonly #opened: Promise<void>
  readonly #onEnd: (lane: Lane) => void
  readonly #timeoutMs: number
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #retiring = false
  #prepared = new Map<string, Prepared>()
  #waiting: (() => void)[] = []
  /** The question of this turn. */
  #replayed: Replayed | null = null
  /** Statements given to it and not answered yet. */
  inFlight = 0
  idleSinceMs = performance.now()
  /** The server is a standby; it tells at the start, and once promoted with its next answer (PostgreSQL 14). */
  isStandby = false

  constructor(
    config: pg.ClientConfig,
    patienceMs: number,
    setUp: (client: pg.Client) => Promise<void>,
    onEnd: (lane: Lane) => void,
  ) {
    this.#onEnd = onEnd
    const { query_timeout = 0, ...rest } = config
    this.#timeoutMs = query_timeout
    this.#client = new pg.Client({ ...rest, pipeline: true } as pg.ClientConfig)
    internalsOf(this.#client).connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'in_hot_standby') this.isStandby = parameterValue === 'on'
    })
    this.#client.on('notice', (notice) => {
      const query = internalsOf(this.#client)._activeQuery as Pick<PgQueryConfig, 'noticed'> | null
      query?.noticed?.(notice)
    })
    this.#client.on('error', () => this.#end())
    this.#client.once('end', () => this.#end())
    this.#opened = this.#open(patienceMs, setUp)
    this.#opened.catch(() => this.#end())
  }

  async #open(patienceMs: number, setUp: (client: pg.Client) => Promise<void>): Promise<void> {
    await this.#client.connect()
    await setUp(this.#client)
    if (this.#state === 'ended') throw new Error('The connection ended.')
    this.#state = 'open'
    // Callers of a sharded herd go from any lane to any other: what they send in a turn is gathered by lane.
    gatherWrites(internalsOf(this.#client).connection, setImmediate)
    // Setting up may take longer. In the pipeline nobody has to wait for this; it fails with the connection.
    this.#client.query(`SET statement_timeout TO ${Math.ceil(patienceMs)}`).catch(() => {})
    if (this.inFlight === 0) internalsOf(this.#client).unref()
    for (const send of this.#waiting.splice(0)) send()
  }

  /** It can be given statements, or will be able to. */
  get usable(): boolean {
    return this.#state !== 'ended' && !this.#retiring
  }

  /** Runs one statement. `again`: it has been seen before, so preparing it is worth while. */
  run(config: PgQueryConfig, again: boolean, done: (outcome: LaneOutcome) => void): void {
    if (this.inFlight++ === 0 && this.#state === 'open') internalsOf(this.#client).ref()
    const timeoutMs = config.query_timeout || this.#timeoutMs
    const told = timeoutMs > 0 ? withinTime(timeoutMs, done) : done
    const finish = (outcome: LaneOutcome): void => {
      if (--this.inFlight === 0) this.#rest()
      told(outcome)
    }
    if (this.#state === 'open') this.#send(config, again, finish)
    else this.#sendWhenOpen(config, again, finish)
  }

  #sendWhenOpen(config: PgQueryConfig, again: boolean, finish: (outcome: LaneOutcome) => void): void {
    let sent = false
    this.#waiting.push(() => {
      sent = true
      this.#send(config, again, finish)
    })
    this.#opened.catch((error: Error) => {
      if (!sent) finish({ kind: 'unsent', error })
    })
  }

  #send(config: PgQueryConfig, again: boolean, finish: (outcome: LaneOutcome) => void): void {
    const prepared = again ? this.#prepare(config.text) : null
    const callback: PgCallback = (error, result) => {
      if (error === null) {
        // Only rows of the usual make tell how to build more of them.
        if (prepared?.columns === null && isUsualMake(config))
          prepared.columns = result as unknown as PgResultInternals
        finish({ kind: 'done', result: result as pg.QueryResult })
      } else if (this.#state === 'ended' || !isServerError(error)) finish({ kind: 'cut-off', error })
      else {
        // Its name may be what was wrong; the next use gets another.
        if (prepared !== null) this.#prepared.delete(config.text)
        finish({ kind: isFatal(error) ? 'cut-off' : 'refused', error })
      }
    }
    const query = makeLaneQuery(config, prepared, callback)
    this.#client.query(
      config.noticed === undefined ? query : Object.assign(query, { noticed: config.noticed }),
    )
  }

  /**
   * Asks how far the standby has replayed, ahead of all that is sent after this in the same turn: what
   * they read is at least as new as that. Known by the time they are answered.
   */
  askReplayed(): Replayed {
    if (this.#replayed !== null) return this.#replayed
    const replayed: { lsn: Lsn | null } = { lsn: null }
    this.#replayed = replayed
    process.nextTick(() => {
      this.#replayed = null
    })
    this.run({ text: REPLAYED_SQL }, true, (outcome) => {
      if (outcome.kind === 'done')
        replayed.lsn = parseLsn((outcome.result.rows[0].lsn as string | null) ?? '0/0')
    })
    return replayed
  }

  #prepare(text: string): Prepared {
    const known = this.#prepared.get(text)
    if (known !== undefined) return known
    const prepared = { name: `pgherd_${count++}`, columns: null }
    this.#prepared.set(text, prepared)
    if (this.#prepared.size >= MAX_PREPARED) this.#retiring = true
    return prepared
  }

  #rest(): void {
    this.idleSinceMs = performance.now()
    if (this.#retiring) void this.close()
    else if (this.#state === 'open') internalsOf(this.#client).unref()
  }

  #end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#onEnd(this)
  }

  /** Lets what is under way finish, then ends the connection. */
  async close(): Promise<void> {
    this.#retiring = true
    await this.#opened.catch(() => {})
    await this.#client.end().catch(() => {})
    this.#end()
  }

  /** Ends the connection at once; what is under way is cut off. */
  destroy(): void {
    internalsOf(this.#client).connection.stream.destroy()
  }
}

/** `done`, called once: with what it is given, or after that time as `pg` says it. */
function withinTime(ms: number, done: (outcome: LaneOutcome) => void): (outcome: LaneOutcome) => void {
  const tell = (outcome: LaneOutcome): void => {
    clearTimeout(timer)
    done(outcome)
    done = () => {}
  }
  const timer = setTimeout(tell, ms, { kind: 'refused', error: new Error('Query read timeout') })
  return tell
}

let count = 0

function isServerError(error: Error): error is pg.DatabaseError {
  return 'severity' in error
}
