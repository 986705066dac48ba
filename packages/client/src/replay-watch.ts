import { type Lsn, parseLsn } from '@pgherd/core'
import { REPLAYED_SQL } from './lane.js'
import type { PoolNode } from './pool-node.js'

/** How often standbys are asked while nobody waits for the answer. */
const FOLLOW_MS = 50

interface Waiter {
  readonly lsn: Lsn
  readonly done: (node: PoolNode | null) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Waits for a standby to replay up to a position. While anybody waits each standby is asked again as soon
 * as it has answered, one question at a time for all who wait. Without anybody waiting they are asked now
 * and then until they have replayed what was written.
 */
export class ReplayWatch {
  readonly #standbys: () => readonly PoolNode[]
  readonly #heard: (node: PoolNode, lsn: Lsn) => void
  #waiters = new Set<Waiter>()
  #asking = new Set<PoolNode>()
  /** How far standbys are followed, and which have got there. */
  #target: Lsn = 0
  #arrived = new Set<PoolNode>()
  #following = false
  #closed = false

  constructor(standbys: () => readonly PoolNode[], heard: (node: PoolNode, lsn: Lsn) => void) {
    this.#standbys = standbys
    this.#heard = heard
  }

  /** Calls `done` with a standby that has replayed `lsn`, or with null when none has after `waitMs`. */
  wait(lsn: Lsn, waitMs: number, done: (node: PoolNode | null) => void): void {
    const waiter: Waiter = { lsn, done, timer: setTimeout(() => this.#finish(waiter, null), waitMs) }
    this.#waiters.add(waiter)
    for (const node of this.#standbys()) this.#ask(node)
  }

  /** Lets it be known soon when standbys have replayed `lsn`, though nobody waits for it. */
  follow(lsn: Lsn): void {
    if (lsn > this.#target) {
      this.#target = lsn
      this.#arrived.clear()
    }
    if (!this.#following) this.#follow()
  }

  /** Follows nobody any more. */
  close(): void {
    this.#closed = true
  }

  #follow(): void {
    const behind = this.#closed ? [] : this.#standbys().filter((node) => !this.#arrived.has(node))
    this.#following = behind.length > 0
    if (!this.#following) return
    for (const node of behind) this.#ask(node)
    setTimeout(() => this.#follow(), FOLLOW_MS).unref()
  }

  #ask(node: PoolNode): void {
    if (this.#asking.has(node)) return
    this.#asking.add(node)
    node.ask(REPLAYED_SQL, (outcome) => {
      this.#asking.delete(node)
      if (outcome.kind !== 'done') return
      const lsn = parseLsn((outcome.result.rows[0].lsn as string | null) ?? '0/0')
      this.#heard(node, lsn)
      if (lsn >= this.#target) this.#arrived.add(node)
      for (const waiter of [...this.#waiters]) if (lsn >= waiter.lsn) this.#finish(waiter, node)
      if (this.#waiters.size > 0 && this.#standbys().includes(node)) this.#ask(node)
    })
  }

  #finish(waiter: Waiter, node: PoolNode | null): void {
    if (!this.#waiters.delete(waiter)) return
    clearTimeout(waiter.timer)
    waiter.done(node)
  }
}
