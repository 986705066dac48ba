import { setTimeout as delay } from 'node:timers/promises'
import type { CollectorStatus } from '../collector/collector.js'
import type { PriceRow } from '../market/read-prices.js'
import type { Served } from '../served-read.js'
import type { Replication } from './read-replication.js'

/** Everything that changes each second. */
export interface Frame {
  at: string
  /** Null: no node answered. */
  market: Served<PriceRow> | null
  /** Null: the supervisor did not answer. */
  replication: Replication | null
  collector: CollectorStatus
  /** What could not be read, one sentence each. */
  troubles: string[]
}

export interface FeedSources {
  market: () => Promise<Served<PriceRow>>
  replication: () => Promise<Replication>
  collector: () => CollectorStatus
}

const EVERY_MS = 1000

/** Looks once a second while anybody watches, however many they are. */
export class LiveFeed {
  readonly #sources: FeedSources
  readonly #watchers = new Set<(frame: Frame) => void>()
  readonly #closing = new AbortController()
  #looking: Promise<void> | null = null
  #last: Frame | null = null

  constructor(sources: FeedSources) {
    this.#sources = sources
  }

  get watchers(): number {
    return this.#watchers.size
  }

  /** Calls `watcher` with each frame; returns how to stop. */
  watch(watcher: (frame: Frame) => void): () => void {
    if (this.#last !== null && this.#looking !== null) watcher(this.#last)
    this.#watchers.add(watcher)
    this.#looking ??= this.#keepLooking()
    return () => this.#watchers.delete(watcher)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#watchers.clear()
    await this.#looking
  }

  async #keepLooking(): Promise<void> {
    const { signal } = this.#closing
    while (this.#watchers.size > 0 && !signal.aborted) {
      const begun = performance.now()
      this.#last = await this.#look()
      for (const watcher of this.#watchers) watcher(this.#last)
      const restMs = Math.max(0, EVERY_MS - (performance.now() - begun))
      await delay(restMs, undefined, { signal }).catch(() => {})
    }
    this.#looking = null
  }

  async #look(): Promise<Frame> {
    const [market, replication] = await Promise.allSettled([
      this.#sources.market(),
      this.#sources.replication(),
    ])
    const troubles = [market, replication].flatMap((result) =>
      result.status === 'rejected' ? [messageOf(result.reason)] : [],
    )
    return {
      at: new Date().toISOString(),
      market: market.status === 'fulfilled' ? market.value : null,
      replication: replication.status === 'fulfilled' ? replication.value : null,
      collector: this.#sources.collector(),
      troubles,
    }
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
