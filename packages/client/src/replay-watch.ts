import { type Lsn, parseLsn } from '@pgherd/core'
import { REPLAYED_SQL } from './lane.js'
import type { PoolNode } from './pool-node.js'

interface Waiter {
  readonly lsn: Lsn
  readonly done: (node: PoolNode | null) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Waits for a standby to replay up to a position. While anybody waits each standby is asked again as soon
 * as it has answered, one question at a time for all who wait.
 */
export class ReplayWatch {
  readonly #standbys: () => readonly PoolNode[]
  readonly #heard: (node: PoolNode, lsn: Lsn) => void
  #waiters = new Set<Waiter>()
  #asking = new Set<PoolNode>()

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

  #ask(node: PoolNode): void {
    if (this.#asking.has(node)) return
    this.#asking.add(node)
    node.ask(REPLAYED_SQL, (outcome) => {
      this.#asking.delete(node)
      if (outcome.kind !== 'done') return
      const lsn = parseLsn((outcome.result.rows[0].lsn as string | null) ?? '0/0')
      this.#heard(node, lsn)
      for (const waiter of [...this.#waiters]) if (lsn >= waiter.lsn) this.#finish(waiter, node)
      if (this.#waiters.size > 0) this.#ask(node)
    })
  }

  #finish(waiter: Waiter, node: PoolNode | null): void {
    if (!this.#waiters.delete(waiter)) return
    clearTimeout(waiter.timer)
    waiter.done(node)
  }
}
