import { HerdError, type Lsn } from '@pgherd/core'
import { chooseNode, type GroupView, type NodeChoice, whyMixed, whyNoPrimary } from '@pgherd/core/routing'
import type { GroupWatch } from './group-watch.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'
import { ReplayWatch } from './replay-watch.js'
import { isRefusal } from './server-error.js'
import { WriteStamper } from './write-stamper.js'

/** Finds nodes for statements and for callers, and lets them wait for one. */
export class NodeFinder {
  readonly #nodes: ReadonlyMap<string, PoolNode>
  readonly #watch: GroupWatch
  readonly #maxWaiting: number
  /** Twice what a node's lanes take without delay. */
  readonly #room: number
  readonly stamper: WriteStamper
  readonly replay: ReplayWatch
  readonly #load = (name: string): number => this.#nodes.get(name)?.laneLoad ?? 0
  #turn = 0
  #waiting = 0

  constructor(nodes: ReadonlyMap<string, PoolNode>, watch: GroupWatch, { maxWaiting, lanes }: Settings) {
    this.#nodes = nodes
    this.#watch = watch
    this.#maxWaiting = maxWaiting
    this.#room = 2 * lanes.max * lanes.depth
    this.stamper = new WriteStamper(
      () => this.primary,
      () => this.standbys.length > 0,
      (lsn) => this.replay.follow(lsn),
    )
    this.replay = new ReplayWatch(
      () => this.standbys,
      (node, lsn) => watch.noteReplay(node.name, lsn),
    )
  }

  get view(): GroupView {
    return this.#watch.view
  }

  node(name: string): PoolNode {
    return this.#nodes.get(name) as PoolNode
  }

  choose(role: 'primary' | 'standby', minLsn: Lsn): NodeChoice {
    return chooseNode(this.view, { role, minLsn }, this.#load, this.#turn++)
  }

  get primary(): PoolNode | null {
    const { primary } = this.view
    return primary === null ? null : (this.#nodes.get(primary) ?? null)
  }

  get standbys(): PoolNode[] {
    return Object.values(this.view.nodes)
      .filter((node) => node.state === 'in' && node.role === 'standby')
      .map((node) => this.#nodes.get(node.name) as PoolNode)
  }

  /** Who waits for a node. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Whether the primary may as well answer a read that a standby could not answer for certain: it need not
   * wait for anything. Not when it has so much more to do that a standby's answer is worth a try.
   */
  get primaryHasRoom(): boolean {
    const { primary } = this
    if (primary === null) return false
    const least = Math.min(...this.standbys.map(({ laneLoad }) => laneLoad))
    return primary.laneLoad <= this.#room + 2 * least
  }

  someReplayed(lsn: Lsn): boolean {
    if (lsn === 0) return true
    const nodes = Object.values(this.view.nodes)
    return nodes.some((node) => node.state === 'in' && node.role === 'standby' && node.lsn >= lsn)
  }

  /** Calls `wake` once, at the next change of any node or when `leftMs` have passed; what it returns takes that back. */
  awaitChange(leftMs: number, wake: () => void): () => void {
    this.#waiting++
    const stop = (): void => {
      clearTimeout(timer)
      cancel()
      this.#waiting--
    }
    const woken = (): void => {
      stop()
      wake()
    }
    const timer = setTimeout(woken, leftMs)
    const cancel = this.#watch.waitForChange(woken)
    return stop
  }

  /** Callers that wait for a node or for a connection. */
  get waitingAll(): number {
    let waiting = this.#waiting
    for (const node of this.#nodes.values()) waiting += Math.max(0, node.waitingCount - node.idleCount)
    return waiting
  }

  /** As many wait as may: who would have to wait too is refused. */
  get isFull(): boolean {
    return this.waitingAll >= this.#maxWaiting
  }

  queueFull(): HerdError {
    return new HerdError(
      'QUEUE_FULL',
      `${this.waitingAll} callers wait already, and \`maxWaiting\` is ${this.#maxWaiting}.`,
      {
        hint: 'Raise `maxWaiting`, or send less until the herd has caught up.',
      },
    )
  }

  noPrimary(why = whyNoPrimary(this.view)): HerdError {
    return new HerdError('NO_PRIMARY', why, {
      hint: 'It is retried by itself for `failoverWaitMs`; after that, look at the nodes named here.',
    })
  }

  /** What waiting for so long will not mend: nodes that refuse us, or that were never there. */
  whyHopeless(leftMs: number): Error | null {
    const nodes = [...this.#nodes.values()]
    const { view } = this.#watch
    if (!this.#watch.seen || Object.values(view.nodes).some((node) => node.state === 'in')) return null
    const refusal = nodes
      .map((node) => node.probe.lastError)
      .find((error) => error !== null && isRefusal(error))
    if (refusal !== undefined && refusal !== null) return refusal
    if (view.timeline > 0) return null
    // On a busy machine the first answer may take longer than a probe waits.
    if (leftMs > 0 && nodes.some(({ probe }) => probe.wasLate)) return null
    return new HerdError(
      'NODES_UNREACHABLE',
      whyNoPrimary(view).replace('No primary is known', 'No node can be reached'),
      {
        hint: 'Check the addresses in `nodes` and that the servers run.',
      },
    )
  }

  /** Throws CLUSTERS_MIXED, once every node has been asked. */
  async ensureOneCluster(): Promise<void> {
    await this.#watch.whenSeen()
    this.checkOneCluster()
  }

  checkOneCluster(): void {
    const mixed = whyMixed(this.view)
    if (mixed !== null)
      throw new HerdError('CLUSTERS_MIXED', mixed, { hint: 'Name the nodes of one cluster.' })
  }
}
