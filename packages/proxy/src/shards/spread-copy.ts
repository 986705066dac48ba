import type { CopySplitter } from '@pgherd/core/sharding'
import { FROM_CLIENT, frame } from '../protocol/client-messages.js'
import type { CopySink } from '../session/client-input.js'
import type { Reply, Seat } from '../session/seat.js'
import { ServerError } from './replies.js'

/** The type of a message, and its length, which counts itself. */
export const COPY_HEAD_BYTES = 5
const GIVEN_UP = frame(FROM_CLIENT.copyFail, [Buffer.from('the rest of it has failed\0')])
const COPY_DONE = Buffer.from([FROM_CLIENT.copyDone, 0, 0, 0, 4])

/** Where what a client copies goes. */
export interface CopyTargets {
  /** By their index as shards. */
  readonly groups: readonly string[]
  /** Null: each group gets all. */
  readonly splitter: CopySplitter | null
  /** What each is told. */
  readonly text: string
  /** Makes a group part of the transaction. */
  join(group: string): Promise<Seat>
}

interface Part {
  readonly seat: Seat
  readonly ended: Promise<Reply>
}

/** Hands a COPY of one client on to several groups, on each as a COPY of its own. */
export class SpreadCopy implements CopySink {
  readonly #targets: CopyTargets
  readonly #parts = new Map<string, Part>()
  /** Groups are joined one after the other, and what is for them waits for that. */
  #opening: Promise<void> = Promise.resolve()
  #isOpening = false
  readonly #held: { readonly group: string; readonly bytes: Buffer }[] = []
  #drained: (() => void)[] = []
  #failure: Error | null = null
  #isDone = false
  #settle!: () => void
  readonly #settled: Promise<void>

  constructor(targets: CopyTargets) {
    this.#targets = targets
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Begins it on one group at least, which says if it cannot be done at all. Resolves with CopyInResponse. */
  async begin(): Promise<Buffer> {
    const { groups, splitter } = this.#targets
    const [first, ...others] = groups as [string, ...string[]]
    const response = await this.#open(first)
    if (splitter === null) for (const group of others) await this.#open(group)
    return response
  }

  async #open(group: string): Promise<Buffer> {
    const seat = await this.#targets.join(group)
    const { ready, ended } = seat.copyFrom(this.#targets.text)
    ended.then(
      ({ error }) => error !== null && this.#fail(new ServerError(error)),
      (error: Error) => this.#fail(error),
    )
    const response = await Promise.race([ready, ended])
    if (!Buffer.isBuffer(response))
      throw response.error === null ? new Error('no COPY') : new ServerError(response.error)
    this.#parts.set(group, { seat, ended })
    if (this.#failure !== null) seat.own?.send([GIVEN_UP])
    return response
  }

  // ---- from the client

  send(messages: readonly Buffer[]): boolean {
    // What still comes after a failure is for nobody.
    if (this.#failure !== null || this.#isDone) return true
    try {
      for (const message of messages) this.#take(message)
    } catch (error) {
      this.#fail(error as Error)
    }
    return !this.#isOpening && !this.#sockets.some(({ writableNeedDrain }) => writableNeedDrain)
  }

  /** It comes in the extended protocol, in which this is not done. */
  noteSync(): void {}

  onceDrained(goOn: () => void): void {
    const slow = this.#sockets.find(({ writableNeedDrain }) => writableNeedDrain)
    if (this.#failure !== null) goOn()
    else if (this.#isOpening) this.#drained.push(() => this.onceDrained(goOn))
    else if (slow === undefined) goOn()
    else {
      const next = (): void => {
        slow.off('drain', next).off('close', next)
        this.onceDrained(goOn)
      }
      slow.once('drain', next).once('close', next)
    }
  }

  get #sockets() {
    return [...this.#parts.values()].flatMap(({ seat }) => seat.own?.connection.socket ?? [])
  }

  /** A message, or several CopyData in a row. */
  #take(given: Buffer): void {
    for (let at = 0; at < given.length; ) {
      const end = at + 1 + given.readUInt32BE(at + 1)
      const data = given.subarray(at + COPY_HEAD_BYTES, end)
      switch (given[at]) {
        case FROM_CLIENT.copyData:
          this.#copy(data)
          break
        case FROM_CLIENT.copyDone:
          this.#finish()
          break
        case FROM_CLIENT.copyFail:
          for (const { seat } of this.#parts.values()) seat.own?.send([given.subarray(at, end)])
      }
      at = end
    }
  }

  #copy(data: Buffer): void {
    const { splitter, groups } = this.#targets
    if (splitter === null) {
      const message = frame(FROM_CLIENT.copyData, [data])
      for (const group of groups) this.#give(group, message)
    } else this.#giveAll(splitter.push(data))
  }

  #giveAll(blocks: ReturnType<CopySplitter['push']>): void {
    for (const { shard, bytes } of blocks) {
      const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      message[0] = FROM_CLIENT.copyData
      message.writeUInt32BE(message.length - 1, 1)
      this.#give(this.#targets.groups[shard] as string, message)
    }
  }

  #give(group: string, bytes: Buffer): void {
    const part = this.#isOpening ? undefined : this.#parts.get(group)
    if (part !== undefined) {
      part.seat.own?.send([bytes])
      return
    }
    this.#held.push({ group, bytes })
    if (!this.#isOpening) this.#opening = this.#openHeld()
  }

  async #openHeld(): Promise<void> {
    this.#isOpening = true
    try {
      for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) {
        if (!this.#parts.has(next.group)) await this.#open(next.group)
        this.#parts.get(next.group)?.seat.own?.send([next.bytes])
      }
    } catch (error) {
      this.#fail(error as Error)
    }
    this.#isOpening = false
    for (const goOn of this.#drained.splice(0)) goOn()
  }

  #finish(): void {
    const { splitter } = this.#targets
    if (splitter !== null) this.#giveAll(splitter.finish())
    this.#isDone = true
    void this.#opening.then(async () => {
      if (this.#failure !== null) return
      for (const { seat } of this.#parts.values()) seat.own?.send([COPY_DONE])
      await Promise.allSettled([...this.#parts.values()].map(({ ended }) => ended))
      this.#settle()
    })
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    for (const { seat } of this.#parts.values()) if (seat.isExchanging) seat.own?.send([GIVEN_UP])
    this.#settle()
    for (const goOn of this.#drained.splice(0)) goOn()
  }

  /** How many rows each seat got. Rejects with what failed first, when nothing is under way any more. */
  async done(): Promise<ReadonlyMap<Seat, number>> {
    await this.#settled
    await this.#opening
    const parts = [...this.#parts.values()]
    const ended = await Promise.allSettled(parts.map((part) => part.ended))
    if (this.#failure !== null) throw this.#failure
    const rows = new Map<Seat, number>()
    for (const [at, each] of ended.entries())
      if (each.status === 'fulfilled')
        rows.set(
          (parts[at] as Part).seat,
          Number(/COPY (\d+)\0/.exec(each.value.bytes.toString('latin1'))?.[1]),
        )
    return rows
  }
}
