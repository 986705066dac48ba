import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '@pgherd/client'
import { deliverHeads, type Send } from './deliver-heads.js'
import { connectPrimary, type Login, readShards, type Shard } from './shard.js'

export interface DelivererOptions {
  pool: Pool
  login: Login
  send: Send
  /** Hears what goes wrong; it is tried again. */
  tell: (line: string) => void
}

const IDLE_MS = 100
const AGAIN_MS = 200

/**
 * Delivers what waits in the outboxes of all shards until it is closed, each shard by itself: one that is down
 * holds up nobody else. Any number of these may run, in as many processes.
 */
export class Deliverer {
  readonly #options: DelivererOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  /** Since it was made. */
  delivered = 0

  constructor(options: DelivererOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** What is being sent is finished first. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const shards = await this.#untilClosed(() => readShards(this.#options.pool))
    await Promise.all((shards ?? []).map((shard) => this.#deliverShard(shard)))
  }

  async #deliverShard(first: Shard): Promise<void> {
    let shard = first
    await this.#untilClosed(async () => {
      await this.#serve(shard).catch(async (error: unknown) => {
        // The map may have changed, or the ports. Where home is down the old ones will do.
        const shards = await readShards(this.#options.pool).catch(() => [])
        shard = shards.find(({ name }) => name === shard.name) ?? shard
        throw error
      })
    })
  }

  /** Until it is closed, or the connection fails. */
  async #serve(shard: Shard): Promise<void> {
    const client = await connectPrimary(shard, this.#options.login)
    try {
      while (!this.#closing.signal.aborted) {
        const { delivered } = await deliverHeads(client, this.#options.send)
        this.delivered += delivered
        if (delivered === 0) await this.#pause(IDLE_MS)
      }
    } finally {
      await client.end().catch(() => {})
    }
  }

  /** Tries again what fails, and tells why once, however often it fails of the same. */
  async #untilClosed<T>(work: () => Promise<T>): Promise<T | null> {
    let told = ''
    while (!this.#closing.signal.aborted) {
      try {
        return await work()
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        if (why !== told) this.#options.tell(`delivery goes on as soon as it can: ${why}`)
        told = why
        await this.#pause(AGAIN_MS)
      }
    }
    return null
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }
}
