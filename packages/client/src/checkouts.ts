import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lsn } from '@pgherd/core'
import { type Consistency, lsnForStaleness } from '@pgherd/core/routing'
import { orAborted } from './abort.js'
import type { GroupWatch } from './group-watch.js'
import type { NodeFinder } from './node-finder.js'
import type { OwnedClient } from './owned-client.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'
import { isConnectionLoss } from './server-error.js'
import type { Session } from './session.js'

const LONGEST_PAUSE_MS = 250
/** How long a session waits before it asks again how far its writes have come. */
const STAMP_PAUSE_MS = 10

export type Checkout = Awaited<ReturnType<PoolNode['own']>>

/** What is asked of a connection that a caller wants to itself. */
export interface ConnectionNeed {
  /** Of what is read on it; `primary` when anything is to be written. */
  readonly consistency: Consistency
  readonly session: Session
  readonly deadlineMs: number
  readonly signal: AbortSignal | null
  /** How long one that is not there is waited for; then it rejects with a TimeoutError. */
  readonly waitMs?: number
}

/** Gives callers connections that they have to themselves. */
export class Checkouts {
  readonly #finder: NodeFinder
  readonly #watch: GroupWatch
  readonly #settings: Settings
  readonly #closing = new AbortController()

  constructor(finder: NodeFinder, watch: GroupWatch, settings: Settings) {
    this.#finder = finder
    this.#watch = watch
    this.#settings = settings
    setMaxListeners(0, this.#closing.signal)
  }

  /** Aborted when nobody gets a connection any more. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Who waits for a connection hears `reason` now. */
  close(reason: Error): void {
    this.#closing.abort(reason)
  }

  /** A connection for one caller, of a node that suits; rejects as a statement would. */
  async checkout(need: ConnectionNeed): Promise<Checkout> {
    const { deadlineMs } = need
    // Listening to a signal costs more than all the rest: it is made where something is waited for.
    let made: AbortSignal | null = null
    const signal = (): AbortSignal => {
      made ??= this.#signalOf(need)
      return made
    }
    if (!this.#watch.seen) await orAborted(this.#watch.whenSeen(), signal())
    this.#finder.checkOneCluster()
    for (let tries = 1; ; tries++) {
      need.signal?.throwIfAborted()
      this.closing.throwIfAborted()
      const { node, role, minLsn } = await this.#nodeFor(need, signal)
      if (this.#finder.waitingAll > 0 && this.#finder.isFull) throw this.#finder.queueFull()
      try {
        // A connection that is there is given at once.
        const taken = node.idleCount > 0 ? await node.own(role) : await takeFrom(node, role, signal())
        if (this.suits(taken.client, node, role, minLsn)) return taken
        taken.release()
      } catch (error) {
        signal().throwIfAborted()
        if (performance.now() > deadlineMs || !isConnectionLoss(error as Error)) throw error
      }
      // It may have gone, or changed its role, between the choice and the connection.
      this.#watch.look(node)
      if (performance.now() > deadlineMs) throw this.#finder.noPrimary()
      await orAborted(pause(tries), signal())
    }
  }

  #signalOf({ signal, waitMs }: ConnectionNeed): AbortSignal {
    const signals = [this.closing]
    if (signal !== null) signals.push(signal)
    if (waitMs !== undefined) signals.push(AbortSignal.timeout(waitMs))
    return signals.length === 1 ? this.closing : AbortSignal.any(signals)
  }

  /** A node for reading what is no caller's, the primary when it must be up to date. */
  async nodeFor(role: 'primary' | 'standby', session: Session, deadlineMs: number): Promise<PoolNode> {
    const consistency = role === 'primary' ? role : 'eventual'
    return (await this.#nodeFor({ consistency, session, deadlineMs }, () => null)).node
  }

  /** `signal`: of what is waited for. */
  async #nodeFor(
    { consistency, session, deadlineMs }: Omit<ConnectionNeed, 'signal'>,
    signal: () => AbortSignal | null,
  ): Promise<{ node: PoolNode; role: 'primary' | 'standby'; minLsn: Lsn }> {
    let role: 'primary' | 'standby' = consistency === 'primary' ? 'primary' : 'standby'
    let minLsn = consistency === 'session' ? await this.positionOf(session, deadlineMs, signal()) : 0
    for (;;) {
      if (typeof consistency === 'object' && role === 'standby')
        minLsn =
          lsnForStaleness(this.#watch.view, consistency.bounded.maxStalenessMs, performance.now()) ??
          Number.POSITIVE_INFINITY
      const choice = this.#finder.choose(role, minLsn)
      if (choice.kind === 'node') return { node: this.#finder.node(choice.node), role: choice.role, minLsn }
      if (choice.kind === 'behind') {
        const waited =
          minLsn !== Number.POSITIVE_INFINITY &&
          (await new Promise((resolve) =>
            this.#finder.replay.wait(minLsn, this.#settings.replayWaitMs, resolve),
          ))
        if (!waited) role = 'primary'
        signal()?.throwIfAborted()
        continue
      }
      const leftMs = deadlineMs - performance.now()
      const hopeless = this.#finder.whyHopeless(leftMs)
      if (hopeless !== null) throw hopeless
      if (leftMs <= 0) throw this.#finder.noPrimary(choice.why)
      if (this.#finder.isFull) throw this.#finder.queueFull()
      let stop = (): void => {}
      const change = new Promise<void>((resolve) => {
        stop = this.#finder.awaitChange(leftMs, () => {
          stop = () => {}
          resolve()
        })
      })
      await orAborted(change, signal()).finally(() => stop())
      signal()?.throwIfAborted()
    }
  }

  /** What a standby must have replayed to show every write of a session. */
  async positionOf(session: Session, deadlineMs: number, signal: AbortSignal | null): Promise<Lsn> {
    // Of those it has written by now: it may go on writing.
    const { writes } = session
    for (;;) {
      const lsn = session.lsnCovering(writes)
      if (lsn !== null) return lsn
      await orAborted(
        new Promise<void>((resolve) => this.#finder.stamper.whenStamped(session, resolve)),
        signal,
      )
      if (session.lsnCovering(writes) !== null) continue
      if (performance.now() > deadlineMs) throw this.#finder.noPrimary()
      await orAborted(sleep(STAMP_PAUSE_MS), signal)
    }
  }

  /** Whether a connection, now that it is there, still is what was asked for. */
  suits({ isStandby }: OwnedClient, node: PoolNode, role: 'primary' | 'standby', minLsn: Lsn): boolean {
    if (role === 'primary') return !isStandby
    const view = this.#watch.view.nodes[node.name]
    return minLsn === 0 || (view?.state === 'in' && view.lsn >= minLsn)
  }
}

/** A client, or the signal's reason; a client that comes too late goes back. */
function takeFrom(node: PoolNode, role: 'primary' | 'standby', signal: AbortSignal): Promise<Checkout> {
  const taking = node.own(role)
  const taken = orAborted(taking, signal)
  taken.catch(() => {
    taking.then(
      ({ release }) => release(),
      () => {},
    )
  })
  return taken
}

/** Longer each time. */
export function pause(times: number): Promise<void> {
  return sleep(Math.min(LONGEST_PAUSE_MS, 5 * 2 ** times))
}
