import pg from 'pg'
import { Lane } from './lane.js'
import type { NodeAddress } from './node-addresses.js'
import { type ClientWatch, OwnedClient } from './owned-client.js'
import type { Settings } from './pool-options.js'
import { NodeProbe } from './probe-node.js'

const DEFAULT_IDLE_MS = 10_000

/** Whom a node tells what happens to its connections. */
export interface NodeListener {
  /** Prepares a new connection; what it sends is part of every later user's session. */
  connected(client: pg.Client): void
  acquired(client: pg.Client): void
  released(error: unknown, client: pg.Client): void
  removed(client: pg.Client): void
  /** A connection ended though nobody asked for it: a reason to look at the node. */
  lost(node: PoolNode, error: Error, client: pg.Client): void
}

/** One server with the connections to it: lanes, connections that callers have to themselves, a probe. */
export class PoolNode {
  readonly name: string
  readonly probe: NodeProbe
  readonly #config: pg.PoolConfig
  readonly #settings: Settings
  readonly #listener: NodeListener
  readonly #owned: pg.Pool
  readonly #lanes = new Set<Lane>()
  #sweep: NodeJS.Timeout | null = null

  constructor(address: NodeAddress, settings: Settings, watch: ClientWatch, listener: NodeListener) {
    this.name = address.name
    this.#settings = settings
    this.#listener = listener
    this.#config = { ...settings.pool, ...address.config }
    this.probe = new NodeProbe(address.name, this.#config, settings.probe.timeoutMs)
    this.#owned = this.#openPool(watch)
  }

  #openPool(watch: ClientWatch): pg.Pool {
    const Client = OwnedClient as unknown as NonNullable<pg.PoolConfig['Client']>
    const onConnect = this.#config.onConnect
    const pool = new pg.Pool({
      ...this.#config,
      Client,
      onConnect: async (client: pg.ClientBase) => {
        const owned = client as OwnedClient
        owned.settingUp = true
        await onConnect?.(client as never)
        owned.settingUp = false
      },
    } as pg.PoolConfig)
    const { connected, acquired, released, removed, lost } = this.#listener
    pool.on('connect', (client) => {
      const owned = client as unknown as OwnedClient
      owned.watch = watch
      owned.settingUp = true
      connected(owned)
      owned.settingUp = false
    })
    pool.on('acquire', (client) => acquired(client as unknown as pg.Client))
    pool.on('release', (error, client) => released(error, client as unknown as pg.Client))
    pool.on('remove', (client) => removed(client as unknown as pg.Client))
    pool.on('error', (error, client) => lost(this, error, client as unknown as pg.Client))
    return pool
  }

  get totalCount(): number {
    return this.#owned.totalCount
  }

  get idleCount(): number {
    return this.#owned.idleCount
  }

  get waitingCount(): number {
    return this.#owned.waitingCount
  }

  get expiredCount(): number {
    return this.#owned.expiredCount
  }

  get laneCount(): number {
    return this.#lanes.size
  }

  /** Statements under way on lanes. */
  get laneLoad(): number {
    let load = 0
    for (const lane of this.#lanes) load += lane.inFlight
    return load
  }

  /** A connection for one caller. Rejects as `pg.Pool` does. */
  async own(): Promise<{ client: OwnedClient; release: (error?: Error | boolean) => void }> {
    const client = (await this.#owned.connect()) as unknown as OwnedClient & pg.PoolClient
    client.released = false
    return { client, release: client.release.bind(client) }
  }

  /** The least busy lane; another is opened while all are busy and there may be more. */
  lane(): Lane {
    let best: Lane | null = null
    for (const lane of this.#lanes)
      if (lane.usable && (best === null || lane.inFlight < best.inFlight)) best = lane
    const { max, depth } = this.#settings.lanes
    if (best !== null && (best.inFlight < depth || this.#lanes.size >= max)) return best
    return this.#openLane()
  }

  #openLane(): Lane {
    const lane = new Lane(
      this.#config,
      this.#settings.lanes.patienceMs,
      async (client) => {
        this.#listener.connected(client)
        await this.#config.onConnect?.(client as never)
      },
      (ended) => {
        if (this.#lanes.delete(ended)) this.#listener.lost(this, new Error('A lane ended.'), null as never)
      },
    )
    this.#lanes.add(lane)
    this.#sweepLater()
    return lane
  }

  /** Lanes that have had nothing to do for as long as idle connections are kept are closed. */
  #sweepLater(): void {
    const idleMs = this.#config.idleTimeoutMillis ?? DEFAULT_IDLE_MS
    if (idleMs === 0 || this.#sweep !== null) return
    this.#sweep = setTimeout(() => {
      this.#sweep = null
      for (const lane of this.#lanes) {
        if (lane.inFlight > 0 || performance.now() - lane.idleSinceMs < idleMs) continue
        this.#lanes.delete(lane)
        void lane.close()
      }
      if (this.#lanes.size > 0) this.#sweepLater()
    }, idleMs)
    this.#sweep.unref()
  }

  /** The node is out: what is under way on its lanes is cut off now rather than when TCP gives up. */
  dropLanes(): void {
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    for (const lane of lanes) lane.destroy()
  }

  async close(): Promise<void> {
    if (this.#sweep !== null) clearTimeout(this.#sweep)
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    await Promise.all([this.#owned.end(), this.probe.close(), ...lanes.map((lane) => lane.close())])
  }
}
