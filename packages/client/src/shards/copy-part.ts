import type { Duplex } from 'node:stream'
import type { TextNature } from '../owned-client.js'
import { COPY_DONE_MESSAGE } from './copy-frames.js'

/** Sent and not taken by the server yet: that much may wait, so that no other server has to. */
const MOST_WAITING_BYTES = 524_288

interface CopyConnection {
  readonly stream: Duplex
  query(text: string): void
  sendCopyFail(message: string): void
}

/** COPY FROM STDIN on one group, as one of its clients takes it. */
export class CopyPart {
  readonly text: string
  /** Known already: the client need not look at the text. */
  readonly nature: TextNature
  /** Settles when the server is ready for data, or says why it will not be. */
  readonly ready: Promise<void>
  /** How many rows were copied; never settles before `done` or a failure. */
  readonly ended: Promise<number>
  #connection: CopyConnection | null = null
  #rows = 0
  #isReady!: () => void
  #isNotReady!: (error: Error) => void
  #hasEnded!: (rows: number) => void
  #hasFailed!: (error: Error) => void

  constructor(text: string, nature: TextNature) {
    this.text = text
    this.nature = nature
    this.ready = new Promise((resolve, reject) => {
      this.#isReady = resolve
      this.#isNotReady = reject
    })
    this.ended = new Promise((resolve, reject) => {
      this.#hasEnded = resolve
      this.#hasFailed = reject
    })
    // Whoever waits for one of them need not wait for the other.
    this.ready.catch(() => {})
    this.ended.catch(() => {})
  }

  submit(connection: unknown): void {
    this.#connection = connection as CopyConnection
    this.#connection.query(this.text)
  }

  handleCopyInResponse(): void {
    this.#isReady()
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleReadyForQuery(): void {
    this.#connection = null
    this.#hasEnded(this.#rows)
  }

  handleError(error: Error): void {
    this.#connection = null
    this.#isNotReady(error)
    this.#hasFailed(error)
  }

  /** Sends a message; null, or what to wait for before more is sent. */
  write(message: Uint8Array): Promise<unknown> | null {
    const stream = this.#connection?.stream
    if (stream === undefined || !stream.writable) return null
    stream.write(message)
    if (stream.writableLength < MOST_WAITING_BYTES) return null
    const drained = new Promise((resolve) => stream.once('drain', resolve))
    // A connection that is gone takes nothing any more.
    return Promise.race([drained, this.ended.catch(() => {})])
  }

  done(): void {
    this.write(COPY_DONE_MESSAGE)
  }

  /** The server undoes it, and says so. */
  fail(message: string): void {
    this.#connection?.sendCopyFail(message)
  }
}
