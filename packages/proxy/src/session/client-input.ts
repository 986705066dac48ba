import type net from 'node:net'
import { FROM_CLIENT, readQuery } from '../protocol/client-messages.js'
import { FrameReader } from '../protocol/frame-reader.js'
import { ProtocolViolation } from '../protocol/protocol-violation.js'
import type { Request } from './batch.js'
import type { SimpleMessage } from './client-batch.js'
import type { StatementMap } from './statement-map.js'

/** PostgreSQL's PQ_LARGE_MESSAGE_LIMIT. */
const LONGEST_MESSAGE = 0x3fffffff
/** What a client may send ahead while its batch is under way. */
const MOST_HELD = 256 * 1024

/** Who takes the messages of a client that copies. */
export interface CopySink {
  /** False: not so fast, until `onceDrained`. */
  send(messages: readonly Buffer[]): boolean
  onceDrained(goOn: () => void): void
  /** A Sync has come in the middle of it: there may be an answer more than it needs. */
  noteSync(): void
}

/** Who hears what a client asks for. */
export interface InputUser {
  /** Something is under way, and what comes next must wait. */
  readonly isBusy: boolean
  /** Its transaction has failed. */
  readonly hasFailed: boolean
  /** Who reads what is copied, and whether a Query has begun that; null: it has failed. */
  readonly copying: { readonly sink: CopySink; readonly bySimple: boolean } | null
  asked(simple: SimpleMessage | null, requests: Request[], partial: boolean): void
  leaves(): void
  violates(violation: ProtocolViolation): void
}

/** What a client says, put together to what it asks for. */
export class ClientInput {
  readonly #socket: net.Socket
  readonly #statements: StatementMap
  readonly #user: InputUser
  readonly #frames = new FrameReader(LONGEST_MESSAGE)
  #requests: Request[] = []
  #isCopying = false
  /** Nothing is read up to the next Sync, since there was an error of ours. */
  #skipping = false
  /** It sends faster than the server takes. */
  #waitsForServer = false
  #ended = false

  constructor(socket: net.Socket, statements: StatementMap, user: InputUser) {
    this.#socket = socket
    this.#statements = statements
    this.#user = user
  }

  read(chunk: Buffer): void {
    this.#frames.push(chunk)
    this.goOn()
  }

  /** Reads what has come, as far as it may be. */
  goOn(): void {
    try {
      while (!this.#ended && this.#mayRead) {
        // What is copied comes in many small messages, and the server takes them as they are.
        const copied = this.#isCopying ? this.#frames.nextRun(FROM_CLIENT.copyData) : null
        const message = copied ?? this.#frames.next()
        if (message === null) break
        this.#take(message)
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.#user.violates(error)
      return
    }
    if (this.#frames.held > MOST_HELD && !this.#mayRead) this.#socket.pause()
    else if (this.#socket.isPaused() && this.#mayRead) this.#socket.resume()
  }

  get #mayRead(): boolean {
    return this.#isCopying || !this.#user.isBusy
  }

  beginCopy(): void {
    this.#isCopying = true
    this.goOn()
  }

  endCopy(): void {
    this.#isCopying = false
  }

  /** The server that it may have been paused for is gone. */
  serverLost(): void {
    this.#isCopying = false
    this.#waitsForServer = false
    this.#socket.resume()
  }

  /** Nothing more is read. */
  end(): void {
    this.#ended = true
  }

  #take(message: Buffer): void {
    const type = message[0] as number
    const copying = this.#isCopying && type !== FROM_CLIENT.terminate ? this.#user.copying : null
    if (copying !== null) {
      this.#takeForCopy(copying.sink, copying.bySimple, type, message)
      return
    }
    if (this.#skipping && SKIPPED.has(type)) return
    switch (type) {
      case FROM_CLIENT.query:
        this.#statements.forgetUnnamed()
        this.#ask({ message, text: readQuery(message) }, false)
        break
      case FROM_CLIENT.parse:
        this.#takeParse(message)
        break
      case FROM_CLIENT.bind:
        this.#requests.push(this.#statements.readBind(message))
        break
      case FROM_CLIENT.describe:
        this.#requests.push(this.#statements.readDescribe(message))
        break
      case FROM_CLIENT.execute:
        this.#requests.push(this.#statements.readExecute(message))
        break
      case FROM_CLIENT.close:
        this.#requests.push(this.#statements.readClose(message))
        break
      case FROM_CLIENT.sync:
        this.#skipping = false
        this.#ask(null, false)
        break
      case FROM_CLIENT.flush:
        if (this.#requests.length > 0) this.#ask(null, true)
        break
      case FROM_CLIENT.functionCall:
        this.#ask({ message, text: '' }, false)
        break
      case FROM_CLIENT.copyData:
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        // A COPY that failed: the client has not heard of it yet.
        break
      case FROM_CLIENT.terminate:
        this.#user.leaves()
        break
      default:
        throw new ProtocolViolation(`invalid frontend message type ${type}`)
    }
  }

  #ask(simple: SimpleMessage | null, partial: boolean): void {
    const requests = this.#requests
    this.#requests = []
    this.#user.asked(simple, requests, partial)
  }

  #takeParse(message: Buffer): void {
    const request = this.#statements.readParse(message, this.#user.hasFailed)
    this.#requests.push(request)
    this.#skipping = request.kind === 'refused'
    // Errors are told at once, as PostgreSQL does; a client may wait for them before it says Sync.
    if (this.#skipping) this.#ask(null, true)
  }

  /**
   * What is copied is the server's as it comes, and nothing else: if the COPY has failed by then, the server
   * would run it, and the answer would come when the connection is somebody else's (I6).
   */
  #takeForCopy(sink: CopySink, bySimple: boolean, type: number, message: Buffer): void {
    switch (type) {
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        // In the extended protocol a Sync follows: the one before was lost in the COPY.
        this.#isCopying = !bySimple
        break
      case FROM_CLIENT.sync:
        if (bySimple) return
        // It may be one more than the server needs, with an answer of its own.
        sink.noteSync()
        this.#isCopying = false
        break
      case FROM_CLIENT.copyData:
        break
      case FROM_CLIENT.flush:
        return
      default:
        throw new ProtocolViolation(
          `unexpected message type 0x${type.toString(16).toUpperCase()} during COPY from stdin`,
        )
    }
    if (!sink.send([message])) this.#pauseFor(sink)
  }

  #pauseFor(sink: CopySink): void {
    if (this.#waitsForServer) return
    this.#waitsForServer = true
    this.#socket.pause()
    sink.onceDrained(() => {
      this.#waitsForServer = false
      this.#socket.resume()
    })
  }
}

/** PostgreSQL drops these after an error, up to the Sync. */
const SKIPPED: ReadonlySet<number> = new Set([
  FROM_CLIENT.query,
  FROM_CLIENT.parse,
  FROM_CLIENT.bind,
  FROM_CLIENT.describe,
  FROM_CLIENT.execute,
  FROM_CLIENT.close,
  FROM_CLIENT.flush,
  FROM_CLIENT.functionCall,
])
