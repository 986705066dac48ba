import { EventEmitter } from 'node:events'
import { type GroupEvent, type GroupView, observeGroup, type Probe, unseenGroup } from '@pgherd/core/routing'
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
  #state: 'idle' | 'watching' | 'closed' = 'idle'

  constructor(name: string, nodes: ReadonlyMap<string, PoolNode>, settings: Settings) {
    super()
    this.#nodes = nodes
    this.#settings = settings
    this.#view = unseenGroup(name, [...nodes.keys()])
  }

  get view(): GroupView {
    return this.#view
  }

  /** Every node has been asked at least once. */
  get seen(): boolean {
    return Object.values(this.#view.nodes).every((node) => node.state !== 'unknown')
  }

  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'watching'
    for (const node of this.#nodes.values()) this.#round(node)
  }

  /** Asks a node now, because something speaks against what is believed of it. */
  look(node: PoolNode): void {
    if (this.#state === 'watching') this.#round(node)
  }

  /** Asks every node now. */
  lookAround(): void {
    for (const node of this.#nodes.values()) this.look(node)
  }

  /** Asks a node now and waits for what it says. */
  async lookAt(node: PoolNode): Promise<void> {
    this.#fold(await node.probe.ask())
  }

  #round(node: PoolNode): void {
    clearTimeout(this.#timers.get(node.name))
    void node.probe.ask().then((probe) => {
      if (this.#state !== 'watching') return
      this.#fold(probe)
      this.#again(node)
    })
  }

  #again(node: PoolNode): void {
    const { intervalMs } = this.#settings.probe
    const urgent = this.#changed.waiting > 0
    const timer = setTimeout(() => this.#round(node), urgent ? Math.min(URGENT_MS, intervalMs) : intervalMs)
    // Watching alone keeps no process alive; a statement that waits does, by a timer of its own.
    timer.unref()
    clearTimeout(this.#timers.get(node.name))
    this.#timers.set(node.name, timer)
  }

  /** A standby has been heard to have replayed this far. */
  noteReplay(name: string, lsn: number): void {
    const node = this.#view.nodes[name]
    if (node === undefined || node.role !== 'standby' || lsn <= node.lsn) return
    this.#view = { ...this.#view, nodes: { ...this.#view.nodes, [name]: { ...node, lsn } } }
    this.emit('change')
  }

  #fold(probe: Probe): void {
    const before = this.#view
    const { group, events } = observeGroup(before, probe, { maxLagMs: this.#settings.maxLagMs })
    this.#view = group
    this.emit('change')
    for (const event of events) {
      if (event.kind === 'node-out') this.#nodes.get(event.node)?.dropLanes()
      this.emit('event', event)
    }
    const after = group.nodes[probe.node]
    if (after?.state !== before.nodes[probe.node]?.state || group.primary !== before.primary)
      this.#changed.notify()
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
  }
}
