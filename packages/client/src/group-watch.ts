import { EventEmitter } from 'node:events'
import {
  forgetPosition,
  type GroupEvent,
  type GroupView,
  noteReplay,
  observeGroup,
  type Probe,
  unseenGroup,
  withNodes,
} from '@pgherd/core/routing'
import { ChangeSignal } from './change-signal.js'
import type { PoolNode } from './pool-node.js'
import type { Settings } from './pool-options.js'

/** While statements wait for a node, nodes are asked this often. */
const URGENT_MS = 25

interface WatchEvents {
  event: [GroupEvent]
  /** Anything about any node, a new position included. */
  change: []
}

/** Asks every node again and again, and keeps what is known of the group. */
export class GroupWatch extends EventEmitter<WatchEvents> {
  readonly #nodes: ReadonlyMap<string, PoolNode>
  readonly #settings: Settings
  readonly #changed = new ChangeSignal()
  #view: GroupView
  #timers = new Map<string, NodeJS.Timeout>()
  /** Nodes to be asked again as soon as they have answered. */
  readonly #again = new Set<PoolNode>()
  /** Since when nodes have been failing, as long as work that nobody may repeat is under way on them. */
  readonly #failingSinceMs = new Map<PoolNode, number>()
  readonly #whenSeen = new ChangeSignal()
  #seen = false
  #state: 'idle' | 'watching' | 'closed' = 'idle'

  /** `nodes` may be changed in place: see `nodesChanged`. */
  constructor(name: string, nodes: ReadonlyMap<string, PoolNode>, settings: Settings) {
    super()
    this.#nodes = nodes
    this.#settings = settings
    this.#view = unseenGroup(name, [...nodes.keys()])
  }

  get view(): GroupView {
    return this.#view
  }

  /** Every node that was there at first has been asked at least once. */
  get seen(): boolean {
    return this.#seen
  }

  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'watching'
    for (const node of this.#nodes.values()) this.#begin(node)
  }

  #begin(node: PoolNode): void {
    node.probe.onLost = () => this.#startedAgain(node)
    this.#round(node)
  }

  /** Nodes came or went: those that came are watched too, and who waits for a node may choose among them. */
  nodesChanged(): void {
    const before = this.#view.nodes
    this.#view = withNodes(this.#view, [...this.#nodes.keys()])
    for (const name of Object.keys(before))
      if (!this.#nodes.has(name)) {
        clearTimeout(this.#timers.get(name))
        this.#timers.delete(name)
      }
    if (this.#state === 'watching')
      for (const node of this.#nodes.values()) if (before[node.name] === undefined) this.#begin(node)
    if (!this.#seen) this.#noteSeen()
    this.emit('change')
    this.#changed.notify()
  }

  #isWatching(node: PoolNode): boolean {
    return this.#state === 'watching' && this.#nodes.get(node.name) === node
  }

  /** Resolves when every node has been asked once, or failed to answer in time. */
  async whenSeen(): Promise<void> {
    this.start()
    while (!this.seen && this.#state === 'watching')
      await new Promise<void>((resolve) => this.#whenSeen.wait(resolve))
  }

  /** I4: what a standby had replayed before it started again it may not have now. */
  #startedAgain(node: PoolNode): void {
    if (!this.#isWatching(node)) return
    this.#view = forgetPosition(this.#view, node.name)
    this.#round(node)
  }

  /** Asks a node now, because something speaks against what is believed of it. */
  look(node: PoolNode): void {
    if (this.#isWatching(node)) this.#round(node)
  }

  /** Asks every node now. */
  lookAround(): void {
    for (const node of this.#nodes.values()) this.look(node)
  }

  /** Asks a node now and waits for what it says. */
  async lookAt(node: PoolNode): Promise<void> {
    if (node.probe.asking) await node.probe.ask()
    this.#fold(await node.probe.ask())
  }

  #round(node: PoolNode): void {
    clearTimeout(this.#timers.get(node.name))
    if (node.probe.asking) {
      this.#again.add(node)
      return
    }
    void node.probe.ask().then((probe) => {
      if (!this.#isWatching(node)) return
      this.#fold(probe)
      this.#roundLater(node)
    })
  }

  #roundLater(node: PoolNode): void {
    const { intervalMs } = this.#settings.probe
    const urgent = this.#changed.waiting > 0
    const pauseMs = this.#again.delete(node) ? 1 : urgent ? Math.min(URGENT_MS, intervalMs) : intervalMs
    const timer = setTimeout(() => this.#round(node), pauseMs)
    // Watching alone keeps no process alive; a statement that waits does, by a timer of its own.
    timer.unref()
    clearTimeout(this.#timers.get(node.name))
    this.#timers.set(node.name, timer)
  }

  /** A standby has been heard to have replayed this far. */
  noteReplay(name: string, lsn: number): void {
    const before = this.#view
    this.#view = noteReplay(before, name, lsn)
    if (this.#view !== before) this.emit('change')
  }

  #fold(probe: Probe): void {
    const before = this.#view
    const { group, events } = observeGroup(before, probe, { maxLagMs: this.#settings.maxLagMs })
    this.#view = group
    this.#cutOff(probe, events)
    this.emit('change')
    for (const event of events) this.emit('event', event)
    const [was, is] = [before.nodes[probe.node], group.nodes[probe.node]]
    if (is?.state !== was?.state || is?.why !== was?.why || group.primary !== before.primary)
      this.#changed.notify()
    if (!this.#seen) this.#noteSeen()
  }

  #noteSeen(): void {
    this.#seen = Object.values(this.#view.nodes).every(({ state }) => state !== 'unknown')
    if (this.#seen) this.#whenSeen.notify()
  }

  /**
   * What is under way on a node that is out is cut off now rather than when TCP gives up: at once what may
   * be run again elsewhere, the rest when another node has taken over, or when it has been out for long. A
   * standby that only lags may finish what it has.
   */
  #cutOff(probe: Probe, events: readonly GroupEvent[]): void {
    const lagging = events.some(({ kind }) => kind === 'lag')
    for (const { kind, node, from } of events) {
      if (kind === 'node-out' && !lagging) this.#nodes.get(node)?.cutOff('repeatable')
      const before = kind === 'failover' && from ? from : null
      if (before !== null && this.#view.nodes[before]?.state === 'out') this.#nodes.get(before)?.cutOff('all')
    }
    const node = this.#nodes.get(probe.node)
    if (node === undefined) return
    if (probe.kind === 'answer') {
      this.#failingSinceMs.delete(node)
      return
    }
    const nowMs = performance.now()
    const sinceMs = this.#failingSinceMs.get(node)
    if (sinceMs === undefined) this.#failingSinceMs.set(node, nowMs)
    else if (nowMs - sinceMs > this.#settings.failoverWaitMs) node.cutOff('all')
  }

  /** Calls `wake` when a node comes, goes or changes its role; asks often until then. */
  waitForChange(wake: () => void): () => void {
    const first = this.#changed.waiting === 0
    const cancel = this.#changed.wait(wake)
    if (first && this.#state === 'watching')
      for (const node of this.#nodes.values())
        if (this.#view.nodes[node.name]?.state !== 'unknown') this.#round(node)
    return cancel
  }

  close(): void {
    this.#state = 'closed'
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#changed.notify()
    this.#whenSeen.notify()
  }
}
