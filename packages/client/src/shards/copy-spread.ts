import { Writable } from 'node:stream'
import type { CopySplitter } from '@pgherd/core/sharding'
import { CopyFrames, HEAD_BYTES, putHead } from './copy-frames.js'
import type { CopyPart } from './copy-part.js'

/** What its caller may have waiting here. */
const MOST_WAITING_BYTES = 262_144

/** A stream of `pg-copy-streams`, and whatever else copies in as that does. */
export interface CopySource {
  submit(connection: unknown): void
  handleCopyInResponse(connection: unknown): void
  handleCommandComplete(message: { readonly text: string }, connection: unknown): void
  handleReadyForQuery(connection: unknown): void
  handleError(error: Error, connection: unknown): void
}

/** Where data goes that is copied to several groups. */
export interface CopyTargets {
  /** By their index as shards. */
  readonly groups: readonly string[]
  /** Null: each group gets all. */
  readonly splitter: CopySplitter | null
  /** Those that have begun. */
  readonly parts: Map<string, CopyPart>
  /** Begins on one more. */
  open(group: string): Promise<CopyPart>
}

/**
 * Copies in to several groups what comes from one stream: to that it is the connection it copies over. No more is
 * taken from it than the groups take, so that what waits is bounded.
 */
export class CopySpread {
  readonly #targets: CopyTargets
  readonly #frames = new CopyFrames()
  #failure: Error | null = null
  #isDone = false
  readonly #opening: Promise<void>[] = []
  #settle!: (failure: Error | null) => void
  readonly #settled: Promise<Error | null>
  /** What a `connection` of `pg` has. */
  readonly stream: Writable

  constructor(targets: CopyTargets) {
    this.#targets = targets
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.stream = new Writable({
      highWaterMark: MOST_WAITING_BYTES,
      write: (bytes: Buffer, _encoding, done) => {
        const waits = this.#take(bytes)
        if (waits === null) done()
        else
          waits.then(
            () => done(),
            (error: Error) => {
              this.#fail(error)
              done()
            },
          )
      },
    })
    for (const part of targets.parts.values()) this.#watch(part)
  }

  /** Says the text of its statement, which is known. */
  query(): void {}

  /** The source gives up. */
  sendCopyFail(message: string): void {
    this.abort(message)
  }

  /** Has the servers undo it, and tell of it in their words. */
  abort(message: string): void {
    if (this.#failure === null && !this.#isDone) for (const part of this.#parts) part.fail(message)
  }

  get #parts(): CopyPart[] {
    return [...this.#targets.parts.values()]
  }

  #watch(part: CopyPart): void {
    part.ended.catch((error: Error) => this.#fail(error))
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    for (const part of this.#parts) part.fail('the rest of it has failed')
    this.#settle(error)
  }

  /** Null, or what to wait for before more is taken. */
  #take(bytes: Uint8Array): Promise<unknown> | null {
    // What still comes after a failure is for nobody.
    if (this.#failure !== null || this.#isDone) return null
    const { splitter, groups } = this.#targets
    const messages: Message[] = []
    let ends = false
    try {
      this.#frames.read(bytes, {
        data: (data) => {
          messages.push(...(splitter === null ? toAll(data, groups) : this.#blocks(splitter.push(data))))
        },
        done: () => {
          if (splitter !== null) messages.push(...this.#blocks(splitter.finish()))
          ends = true
        },
        fail: () => this.abort('the client has given it up'),
      })
    } catch (error) {
      this.#fail(error as Error)
      return null
    }
    const given = this.#give(messages)
    return ends ? Promise.resolve(given).then(() => this.#finish()) : given
  }

  #blocks(blocks: ReturnType<CopySplitter['push']>): Message[] {
    return blocks.map(({ shard, bytes }) => ({
      group: this.#targets.groups[shard] as string,
      bytes: putHead(bytes),
    }))
  }

  /** Sends at once what can be sent; for a group that is not there yet the others do not wait. */
  #give(messages: readonly Message[]): Promise<unknown> | null {
    const waits: Promise<unknown>[] = []
    const later = new Map<string, Message[]>()
    for (const message of messages) {
      const part = this.#targets.parts.get(message.group)
      if (part === undefined) {
        const own = later.get(message.group)
        if (own === undefined) later.set(message.group, [message])
        else own.push(message)
        continue
      }
      const wait = part.write(message.bytes)
      if (wait !== null) waits.push(wait)
    }
    for (const [group, own] of later) {
      const opening = this.#open(group, own)
      this.#opening.push(opening)
      waits.push(opening)
    }
    return waits.length === 0 ? null : Promise.all(waits)
  }

  async #open(group: string, messages: readonly Message[]): Promise<void> {
    const part = await this.#targets.open(group)
    this.#watch(part)
    if (this.#failure !== null) part.fail('the rest of it has failed')
    else for (const { bytes } of messages) await part.write(bytes)
  }

  #finish(): void {
    if (this.#failure !== null || this.#isDone) return
    this.#isDone = true
    for (const part of this.#parts) part.done()
    Promise.all(this.#parts.map((part) => part.ended)).then(
      () => this.#settle(null),
      () => {},
    )
  }

  /**
   * Takes everything from `source`, and says how many rows it was, by group. Throws what has failed first, when
   * nothing is under way any more on any group.
   */
  async run(source: CopySource): Promise<ReadonlyMap<string, number>> {
    source.submit(this)
    source.handleCopyInResponse(this)
    const failure = await this.#settled
    await Promise.allSettled(this.#opening)
    const ended = await Promise.allSettled(this.#parts.map((part) => part.ended))
    if (failure !== null) throw failure
    const rows = ended.map((each) => (each.status === 'fulfilled' ? each.value : 0))
    return new Map([...this.#targets.parts.keys()].map((group, at) => [group, rows[at] as number]))
  }
}

interface Message {
  readonly group: string
  readonly bytes: Uint8Array
}

function toAll(data: Uint8Array, groups: readonly string[]): Message[] {
  const bytes = new Uint8Array(HEAD_BYTES + data.length)
  bytes.set(data, HEAD_BYTES)
  putHead(bytes)
  return groups.map((group) => ({ group, bytes }))
}
