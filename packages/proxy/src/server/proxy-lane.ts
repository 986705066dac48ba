import { FROM_SERVER, reportField } from '../protocol/server-messages.js'
import type { VirtualStatement } from '../session/virtual-statement.js'
import { notableTypes, ReplyReader } from './reply-reader.js'
import type { Parsing } from './reply-script.js'
import type { ServerConnection } from './server-connection.js'

/** A lane that has prepared so many statements is replaced, so that the server can forget them. */
const MAX_PREPARED = 500
/** An answer longer than this is not for a lane. */
const LONGEST_ANSWER = 256 * 1024

/** What becomes of what a server answers to a batch before its client hears it. */
export interface LaneScript {
  /** Types of messages that it must see, beside those that matter always. */
  readonly scripted: readonly number[]
  /** What is to be said before anything else that the server sends. */
  due(): readonly Buffer[]
  /** Whether a message of a scripted type, or an error, is for the client. */
  isForClient(type: number): boolean
  /** After an error: what was to be prepared on the connection and is not. */
  unprepared(): readonly VirtualStatement[]
  /** After an error: what the client wanted to prepare, and has not. */
  unparsed(): readonly Parsing[]
}

/** A batch that shares a connection with those of others. */
export interface LaneJob {
  /** Written when it is sent, since it depends on what the lane has prepared. */
  encode(prepared: ReadonlySet<VirtualStatement>): {
    parts: Buffer[]
    script: LaneScript | null
    prepares: readonly VirtualStatement[]
  }
  /** An error in which statements have the client's names. */
  rename(report: Buffer): Buffer
  done(outcome: JobOutcome): void
}

/** How a batch on a lane ended. */
export type JobOutcome =
  /** `error`: SQLSTATE of the first error in it. */
  | {
      readonly kind: 'answered'
      readonly pieces: Buffer[]
      readonly error: string | null
      /** What the client wanted to prepare, and has not, for the error. */
      readonly unparsed: readonly Parsing[]
    }
  /** Its answer is too long to be kept, and was dropped. */
  | { readonly kind: 'too long' }
  | { readonly kind: 'cut off'; readonly error: Error }
  | { readonly kind: 'unsent'; readonly error: Error }

interface Flight {
  readonly job: LaneJob
  readonly script: LaneScript | null
  readonly notable: Uint8Array
  pieces: Buffer[]
  length: number
  error: string | null
}

const ALWAYS = [
  FROM_SERVER.readyForQuery,
  FROM_SERVER.error,
  FROM_SERVER.parameterStatus,
  FROM_SERVER.notification,
  FROM_SERVER.copyIn,
  FROM_SERVER.copyOut,
  FROM_SERVER.copyBoth,
]
const PLAIN = notableTypes(ALWAYS)
const NOTABLE = new Map<readonly number[], Uint8Array>()

/** What the reader must see whole while an answer comes that a script is for. */
function notableFor({ scripted }: LaneScript): Uint8Array {
  let notable = NOTABLE.get(scripted)
  if (notable === undefined) {
    notable = notableTypes([...ALWAYS, ...scripted])
    NOTABLE.set(scripted, notable)
  }
  return notable
}

const IDLE = 0x49 // I
const NOBODY: readonly Parsing[] = []

/**
 * A server connection on which autocommit reads of many clients are pipelined, each under a Sync of its own.
 * Answers are kept until they are whole, so that whatever goes wrong the batch can be run again elsewhere.
 */
export class ProxyLane {
  readonly #onEnd: (lane: ProxyLane) => void
  #connection: ServerConnection | null = null
  #flights: Flight[] = []
  #head = 0
  #waiting: LaneJob[] = []
  #out: Buffer[] = []
  readonly #prepared = new Set<VirtualStatement>()
  readonly #reader: ReplyReader
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #retired = false
  idleSinceMs = performance.now()

  constructor(opening: Promise<ServerConnection>, onEnd: (lane: ProxyLane) => void) {
    this.#onEnd = onEnd
    this.#reader = new ReplyReader(
      { bytes: (piece) => this.#keep(piece), message: (type, message) => this.#hear(type, message) },
      PLAIN,
    )
    opening.then(
      (connection) => this.#begin(connection),
      (error: Error) => this.#end(error),
    )
  }

  get usable(): boolean {
    return this.#state !== 'ended' && !this.#retired && this.#prepared.size < MAX_PREPARED
  }

  get inFlight(): number {
    return this.#flights.length - this.#head + this.#waiting.length
  }

  get facts(): { readonly processId: number | null; readonly state: string; readonly prepared: number } {
    return {
      processId: this.#connection?.processId ?? null,
      state: this.#retired ? 'retired' : this.#state,
      prepared: this.#prepared.size,
    }
  }

  /** Takes no more; ends when what is under way is answered. */
  retire(): void {
    this.#retired = true
    if (this.inFlight === 0) this.close()
  }

  get isStandby(): boolean {
    return this.#connection?.isStandby ?? false
  }

  run(job: LaneJob): void {
    if (this.#state === 'open') this.#send(job)
    else if (this.#state === 'opening') this.#waiting.push(job)
    else job.done({ kind: 'unsent', error: new Error('the lane has ended') })
  }

  #begin(connection: ServerConnection): void {
    if (this.#state === 'ended') {
      connection.end()
      return
    }
    this.#connection = connection
    this.#state = 'open'
    connection.socket
      .on('data', (chunk: Buffer) => this.#reader.push(chunk))
      .on('error', (error: Error) => this.#end(error))
      .on('close', () => this.#end(new Error('the server closed the connection')))
    for (const job of this.#waiting.splice(0)) this.#send(job)
  }

  #send(job: LaneJob): void {
    const { parts, script, prepares } = job.encode(this.#prepared)
    // Sent in order, so what comes after finds them prepared; where that fails, it is run again elsewhere.
    for (const statement of prepares) this.#prepared.add(statement)
    const notable = script === null ? PLAIN : notableFor(script)
    this.#flights.push({ job, script, notable, pieces: [], length: 0, error: null })
    if (this.inFlight === 1) this.#reader.notable = notable
    // What other clients have sent by now is read before this, and goes out with it.
    if (this.#out.length === 0) setImmediate(this.#flush)
    this.#out.push(...parts)
  }

  readonly #flush = (): void => {
    const out = this.#out
    this.#out = []
    if (this.#state !== 'open') return
    this.#connection?.socket.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out))
  }

  #keep(piece: Buffer): void {
    const flight = this.#flights[this.#head]
    if (flight === undefined) return
    flight.length += piece.length
    if (flight.length <= LONGEST_ANSWER) flight.pieces.push(piece)
    else flight.pieces = []
  }

  #hear(type: number, message: Buffer): void {
    const flight = this.#flights[this.#head]
    if (flight === undefined) {
      // The server says farewell, or something of the session that is nobody's.
      return
    }
    switch (type) {
      case FROM_SERVER.readyForQuery:
        this.#answered(flight, message)
        return
      case FROM_SERVER.parameterStatus:
      case FROM_SERVER.notification:
        return
      case FROM_SERVER.copyIn:
      case FROM_SERVER.copyOut:
      case FROM_SERVER.copyBoth:
        // Judged wrongly: nobody here can answer, and nobody behind it must.
        this.destroy(new Error('a COPY was begun on a shared connection'))
        return
      case FROM_SERVER.error:
        flight.error ??= reportField(message, 'C')
    }
    const { script } = flight
    if (script !== null) {
      for (const said of script.due()) this.#keep(said)
      if (!script.isForClient(type)) return
    }
    this.#keep(type === FROM_SERVER.error ? flight.job.rename(message) : message)
  }

  #answered(flight: Flight, ready: Buffer): void {
    if (ready[5] !== IDLE) {
      // A transaction on a shared connection would be every neighbour's (I6).
      this.destroy(new Error('a transaction was left open on a shared connection'))
      return
    }
    for (const said of flight.script?.due() ?? []) this.#keep(said)
    if (flight.error !== null)
      for (const statement of flight.script?.unprepared() ?? []) this.#prepared.delete(statement)
    this.#keep(ready)
    this.#next()
    if (flight.length > LONGEST_ANSWER) flight.job.done({ kind: 'too long' })
    else {
      const { pieces, error, script } = flight
      const unparsed = error === null ? NOBODY : (script?.unparsed() ?? NOBODY)
      flight.job.done({ kind: 'answered', pieces, error, unparsed })
    }
  }

  #next(): void {
    this.#head++
    if (this.#head === this.#flights.length) {
      this.#flights = []
      this.#head = 0
      this.idleSinceMs = performance.now()
      this.#reader.notable = PLAIN
      // The last answer is still to be given.
      if (this.#retired) process.nextTick(() => this.inFlight === 0 && this.close())
      return
    }
    if (this.#head > 1000) {
      this.#flights = this.#flights.slice(this.#head)
      this.#head = 0
    }
    this.#reader.notable = this.#flights[this.#head]?.notable ?? PLAIN
  }

  #end(error: Error): void {
    if (this.#state === 'ended') return
    const sent = this.#flights.slice(this.#head)
    const waiting = this.#waiting
    this.#state = 'ended'
    this.#flights = []
    this.#waiting = []
    this.#head = 0
    this.#onEnd(this)
    for (const { job } of sent) job.done({ kind: 'cut off', error })
    for (const job of waiting) job.done({ kind: 'unsent', error })
  }

  /** Nobody uses it any more. */
  close(): void {
    this.#connection?.end()
    this.#end(new Error('the lane was closed'))
  }

  /** Ends it at once; what is under way is cut off. */
  destroy(error = new Error('the lane was closed')): void {
    this.#connection?.destroy()
    this.#end(error)
  }
}
