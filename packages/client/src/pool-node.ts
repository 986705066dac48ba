import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { Lane, type LaneOutcome } from './lane.js'
import type { NodeAddress } from './node-addresses.js'
import { type ClientWatch, OwnedClient } from './owned-client.js'
import { internalsOf, withoutParsers } from './pg-internals.js'
import type { Settings } from './pool-options.js'
import { NodeProbe } from './probe-node.js'
import type { NodeCounts } from './statistics.js'

const DEFAULT_IDLE_MS = 10_000
/** A node that stopped must not keep a piece of our own work for ever. */
const VISIT_MS = 10_000

/** Whom a node tells what happens to its connections. */
export interface NodeListener {
  /** Prepares a new connection; what it sends is part of every later user's session. */
  connected(client: pg.Client): Promise<void>
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
  /** Callers that wait for a connection: `pg.Pool` forgets them when it is ended. */
  readonly #waiting = new Set<(error: Error) => void>()
  readonly #lanes = new Set<Lane>()
  /** Every connection of `#owned`, those that are being opened or closed too. */
  readonly #clients = new Set<OwnedClient>()
  #sweep: NodeJS.Timeout | null = null
  /** What callers are told who want a connection of a node that is closed. */
  #whyClosed: Error | null = null

  constructor(address: NodeAddress, settings: Settings, watch: ClientWatch, listener: NodeListener) {
    this.name = address.name
    this.#settings = settings
    this.#listener = listener
    this.#config = { ...settings.pool, ...address.config }
    this.probe = new NodeProbe(address.name, this.#config, settings.probe.timeoutMs)
    this.#owned = this.#openPool(watch)
  }

  #openPool(watch: ClientWatch): pg.Pool {
    const clients = this.#clients
    const Client = class extends OwnedClient {
      constructor(config?: pg.ClientConfig) {
        super(config)
        clients.add(this)
        internalsOf(this).connection.once('end', () => clients.delete(this))
      }
    } as unknown as NonNullable<pg.PoolConfig['Client']>
    const pool = new pg.Pool({
      ...this.#config,
      Client,
      // Its event 'connect' would not wait for listeners that take more than one statement.
      onConnect: async (client: pg.ClientBase) => {
        const owned = client as OwnedClient
        await this.#setUp(owned)
        owned.endSetUp(watch)
      },
    } as pg.PoolConfig)
    const { acquired, released, removed, lost } = this.#listener
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

  get counts(): NodeCounts {
    return {
      lanes: this.#lanes.size,
      onLanes: this.laneLoad,
      own: this.totalCount,
      idle: this.idleCount,
      waiting: this.waitingCount,
    }
  }

  /** Statements under way on lanes. */
  get laneLoad(): number {
    let load = 0
    for (const lane of this.#lanes) load += lane.inFlight
    return load
  }

  /** What every user of a connection is to find there. */
  async #setUp(client: pg.Client): Promise<void> {
    await this.#config.onConnect?.(client as never)
    await this.#listener.connected(client)
  }

  /** A connection for one caller. Rejects as `pg.Pool` does, and with POOL_CLOSED when it is closed meanwhile. */
  async own(
    role: 'primary' | 'standby',
  ): Promise<{ client: OwnedClient; release: (error?: Error | boolean) => void }> {
    let idle = this.idleCount
    for (;;) {
      const taken = await this.#take()
      // One that was opened before a promotion hears of it with its next answer only.
      if (role === 'standby' || !taken.client.isStandby || idle-- <= 0) return taken
      taken.release(true)
    }
  }

  async #take(): Promise<{ client: OwnedClient; release: (error?: Error | boolean) => void }> {
    if (this.#whyClosed !== null) throw this.#whyClosed
    const client = await new Promise<OwnedClient & pg.PoolClient>((resolve, reject) => {
      this.#waiting.add(reject)
      this.#owned.connect((error, given) => {
        const wanted = this.#waiting.delete(reject)
        if (error) reject(error)
        else if (wanted) resolve(given as unknown as OwnedClient & pg.PoolClient)
        else given?.release()
      })
    })
    client.takeUp()
    const giveBack = client.release.bind(client)
    const release = (error?: Error | boolean): void => {
      client.putDown()
      giveBack(error)
    }
    return { client, release }
  }

  /** A connection beside the pool for one piece of work of our own: it takes no caller's place. */
  async visit<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const connectionTimeoutMillis = this.#settings.probe.timeoutMs
    const client = new pg.Client({
      ...withoutParsers(this.#config),
      connectionTimeoutMillis,
      query_timeout: VISIT_MS,
    })
    // What is under way on it fails with the same error.
    client.on('error', () => {})
    try {
      await client.connect()
      return await work(client)
    } finally {
      await client.end().catch(() => {})
    }
  }

  /**
   * The first lane that is not busy, since what is sent together costs less; else the least busy one. Another is
   * opened while all are busy and there may be more.
   */
  lane(): Lane {
    let best: Lane | null = null
    const { max, depth } = this.#settings.lanes
    for (const lane of this.#lanes) {
      if (!lane.usable) continue
      if (lane.inFlight < depth) return lane
      if (best === null || lane.inFlight < best.inFlight) best = lane
    }
    if (best !== null && this.#lanes.size >= max) return best
    return this.#openLane()
  }

  /** A question of our own, on a lane. */
  ask(text: string, done: (outcome: LaneOutcome) => void): void {
    const ownParsers = this.#config.types !== undefined
    this.lane().run(ownParsers ? { text, types: pg.types } : { text }, true, done)
  }

  #openLane(): Lane {
    let connected: pg.Client | null = null
    const lane = new Lane(
      this.#config,
      this.#settings.lanes.patienceMs,
      async (client) => {
        connected = client
        await this.#setUp(client)
        await verify(this.#config, client)
      },
      (ended) => {
        if (connected !== null) this.#listener.removed(connected)
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

  /** Ends connections at once: all, or those on which nothing is under way that must not be run again. */
  cutOff(what: 'repeatable' | 'all'): void {
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    for (const lane of lanes) lane.destroy()
    for (const reject of this.#waiting) {
      this.#waiting.delete(reject)
      reject(new Error(`Connection terminated: ${this.name} is left out.`))
    }
    for (const client of this.#clients)
      if (what === 'all' || client.use !== 'owned') internalsOf(client).connection.stream.destroy()
  }

  /** It is no node of the group any more: what is under way may end, and who waits gets another one. */
  letGo(): Promise<void> {
    return this.close(new Error(`Connection terminated: ${this.name} has left the herd.`))
  }

  /** What callers have they may keep until they release it; those who wait are told `why`. */
  async close(why: Error = poolClosed()): Promise<void> {
    this.#whyClosed = why
    if (this.#sweep !== null) clearTimeout(this.#sweep)
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    for (const reject of this.#waiting) reject(why)
    this.#waiting.clear()
    // A server that hangs does not say goodbye. What a caller still has is theirs until they release it.
    const timer = setInterval(() => {
      for (const lane of lanes) lane.destroy()
      for (const client of this.#clients)
        if (client.use === 'none') internalsOf(client).connection.stream.destroy()
    }, this.#settings.probe.timeoutMs)
    await Promise.all([this.#owned.end(), this.probe.close(), ...lanes.map((lane) => lane.close())])
    await Promise.all([...this.#clients].map(whenEnded))
    clearInterval(timer)
  }
}

function whenEnded(client: OwnedClient): Promise<void> {
  return new Promise((resolve) => {
    internalsOf(client).connection.once('end', resolve)
  })
}

/** The option `verify` of `pg.Pool`, for a connection that is in no such pool. */
function verify(config: pg.PoolConfig, client: pg.Client): Promise<void> {
  return new Promise((resolve, reject) => {
    if (config.verify === undefined) resolve()
    else config.verify(client as pg.PoolClient, (error) => (error ? reject(error) : resolve()))
  })
}

export function poolClosed(): HerdError {
  return new HerdError('POOL_CLOSED', 'Cannot use a pool after calling end on the pool')
}
