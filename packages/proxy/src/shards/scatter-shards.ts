import { FrameReader } from '../protocol/frame-reader.js'
import { FROM_SERVER } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { reportWithContext, ServerError } from './replies.js'

const NOTHING: Buffer = Buffer.alloc(0)
/** Of a server; clients are not let say so much. */
const LONGEST_MESSAGE = 0x3fffffff

/** What a shard has answered. */
export interface ShardAnswer {
  readonly description: Buffer
  readonly rows: readonly Buffer[]
}

/** Who hears what shards answer, as it comes. */
export interface ShardListener {
  description(shard: number, message: Buffer): void
  /** Messages of rows. */
  rows(shard: number, messages: readonly Buffer[]): void
  ended(shard: number): void
}

/** Several shards that are asked the same at the same time. */
export class ShardStreams {
  readonly #seats: readonly Seat[]
  /** Nobody listens any more. */
  #isOver = false

  constructor(seats: readonly Seat[]) {
    this.#seats = seats
  }

  /** Rejects when one fails, once the others have ended too, which are cancelled. */
  async ask(parts: readonly Buffer[], listener: ShardListener): Promise<void> {
    let failure: Error | null = null
    const fail = (error: Error): void => {
      failure ??= error
      this.stop()
    }
    const asked = this.#seats.map(async (seat, shard) => {
      const frames = new FrameReader(LONGEST_MESSAGE)
      try {
        const { error } = await seat.stream(parts, (piece) => {
          frames.push(piece)
          if (!this.#isOver) this.#read(frames, shard, seat, listener)
        })
        if (error !== null) throw new ServerError(reportWithContext(error, `on ${seat.place.group}`))
        if (!this.#isOver) listener.ended(shard)
      } catch (error) {
        fail(error as Error)
      }
    })
    await Promise.all(asked)
    if (failure !== null) throw failure
  }

  #read(frames: FrameReader, shard: number, seat: Seat, listener: ShardListener): void {
    const rows: Buffer[] = []
    for (let message = frames.next(); message !== null; message = frames.next())
      if (message[0] === FROM_SERVER.dataRow) rows.push(message)
      else if (message[0] === FROM_SERVER.rowDescription) listener.description(shard, message)
      else if (message[0] === FROM_SERVER.notification || message[0] === FROM_SERVER.notice) seat.say(message)
    if (rows.length > 0 && !this.#isOver) listener.rows(shard, rows)
  }

  /** What the shards still say is for nobody. */
  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { own, isExchanging } of this.#seats) {
      own?.connection.socket.resume()
      if (isExchanging) void own?.connection.cancel()
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  pause(shard: number): void {
    if (!this.#isOver) this.#seats[shard]?.own?.connection.socket.pause()
  }

  resume(shard: number): void {
    this.#seats[shard]?.own?.connection.socket.resume()
  }
}

/** All that they answer; null: it is more than so many rows of one. */
export async function askShards(
  seats: readonly Seat[],
  parts: readonly Buffer[],
  mostRows: number,
): Promise<ShardAnswer[] | null> {
  const answers = seats.map(() => ({ description: NOTHING, rows: [] as Buffer[] }))
  const streams = new ShardStreams(seats)
  let isTooMuch = false
  const asked = streams.ask(parts, {
    description: (shard, message) => {
      const answer = answers[shard]
      if (answer !== undefined) answer.description = message
    },
    rows: (shard, messages) => {
      const rows = answers[shard]?.rows ?? []
      for (const message of messages) rows.push(message)
      if (rows.length <= mostRows) return
      isTooMuch = true
      streams.stop()
    },
    ended: () => {},
  })
  await asked.catch((error: Error) => {
    if (!isTooMuch) throw error
  })
  return isTooMuch ? null : answers
}
