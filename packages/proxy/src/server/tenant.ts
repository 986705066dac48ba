import type { Lsn } from '@pgherd/core'
import type { Credentials } from '../auth/scram-client.js'
import type { HerdLink } from '../herd-link.js'
import type { SessionSettings } from '../session/session-settings.js'
import { ProxyLane } from './proxy-lane.js'
import { ServerConnection } from './server-connection.js'
import { ServerPool } from './server-pool.js'

export interface TenantLimits {
  /** Connections per node that clients of one user and database have to themselves. */
  readonly maxOwn: number
  readonly maxLanes: number
  /** Batches under way on a lane before another is opened. */
  readonly laneDepth: number
  /** How long a statement may hold up a lane. */
  readonly patienceMs: number
  readonly connectTimeoutMs: number
}

/** A connection to a server, for whoever wants to see. */
export interface ServerFacts {
  readonly kind: 'lane' | 'own'
  readonly node: string
  readonly user: string
  readonly database: string
  readonly processId: number | null
  readonly state: string
  /** Batches under way on it. */
  readonly inFlight: number
  readonly prepared: number
  readonly idleMs: number
}

/** For so many different settings of sessions there are lanes on a node; others do without. */
const MOST_KINDS_OF_LANES = 8

interface TenantNode {
  /** By what the settings of those who share them mean for answers. */
  readonly lanes: Map<string, Set<ProxyLane>>
  readonly own: ServerPool
}

/** What clients may share connections by: whose and with which settings they are. */
export interface Identity {
  readonly user: string
  readonly database: string
  /** Settings that the session begins with, but for its name. */
  readonly settings: ReadonlyMap<string, string>
}

export function identityKey({ user, database, settings }: Identity): string {
  const sorted = [...settings].sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([user, database, sorted])
}

/** The connections of one user to one database, of all clients that began with the same settings. */
export class Tenant {
  readonly identity: Identity
  credentials: Credentials
  readonly #link: HerdLink
  readonly #limits: TenantLimits
  readonly #nodes = new Map<string, TenantNode>()
  /** Says to a server what it must hear before anything else; rejects when it does not want to. */
  welcome: ((connection: ServerConnection) => Promise<void>) | null = null
  /** As a server reported them to the last new connection. */
  parameters: ReadonlyMap<string, string> = new Map()

  constructor(identity: Identity, credentials: Credentials, link: HerdLink, limits: TenantLimits) {
    this.identity = identity
    this.credentials = credentials
    this.#link = link
    this.#limits = limits
  }

  #node(name: string): TenantNode {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = {
        lanes: new Map(),
        own: new ServerPool(
          () => this.#connect(name, new Map()),
          () => this.#limits.maxOwn,
        ),
      }
      this.#nodes.set(name, node)
    }
    return node
  }

  async #connect(node: string, more: ReadonlyMap<string, string>): Promise<ServerConnection> {
    const { user, database, settings } = this.identity
    const login = { user, database, credentials: this.credentials, settings: new Map([...settings, ...more]) }
    try {
      const connection = await ServerConnection.open(
        this.#link.addressOf(node),
        login,
        this.#limits.connectTimeoutMs,
      )
      await this.#greet(connection)
      // The map changes with what its user sets.
      this.parameters = new Map(connection.parameters)
      return connection
    } catch (error) {
      this.#link.look(node)
      throw error
    }
  }

  async #greet(connection: ServerConnection): Promise<void> {
    try {
      await this.welcome?.(connection)
    } catch (error) {
      connection.destroy()
      throw error
    }
  }

  /** Logs in to a node once. Rejects as `ServerConnection.open` does. */
  async try(node: string): Promise<void> {
    const connection = await this.#connect(node, new Map())
    connection.end()
  }

  readonly load = (name: string): number => {
    let load = 0
    for (const lanes of this.#nodes.get(name)?.lanes.values() ?? [])
      for (const lane of lanes) load += lane.inFlight
    return load
  }

  choose(role: 'primary' | 'standby', minLsn: Lsn, turn: number) {
    return this.#link.choose(role, minLsn, this.load, turn)
  }

  own(node: string): ServerPool {
    return this.#node(node).own
  }

  /**
   * The first lane that is not busy, so that what goes together is sent together; another is opened while
   * all are busy and there may be more. Null where too many others have lanes with settings of their own.
   */
  lane(name: string, settings: SessionSettings): ProxyLane | null {
    const lanes = this.#lanesFor(name, settings.answerKey)
    if (lanes === null) return null
    const { maxLanes, laneDepth } = this.#limits
    let best: ProxyLane | null = null
    for (const lane of lanes) {
      if (!lane.usable) continue
      if (lane.inFlight < laneDepth) return lane
      if (best === null || lane.inFlight < best.inFlight) best = lane
    }
    if (best !== null && lanes.size >= maxLanes) return best
    const opened = new ProxyLane(this.#openLane(name, settings), (lane) => {
      lanes.delete(lane)
      this.#forgetKind(name, settings.answerKey)
    })
    lanes.add(opened)
    // Only now: without any lane its kind would be forgotten.
    for (const lane of lanes) if (!lane.usable && lane.inFlight === 0) lane.close()
    return opened
  }

  #lanesFor(name: string, key: string): Set<ProxyLane> | null {
    const kinds = this.#node(name).lanes
    const known = kinds.get(key)
    if (known !== undefined) return known
    if (kinds.size >= MOST_KINDS_OF_LANES && key !== '') return null
    const lanes = new Set<ProxyLane>()
    kinds.set(key, lanes)
    return lanes
  }

  #forgetKind(name: string, key: string): void {
    const kinds = this.#nodes.get(name)?.lanes
    if (kinds?.get(key)?.size === 0) kinds.delete(key)
  }

  async #openLane(name: string, { stepsForAnswers }: SessionSettings): Promise<ServerConnection> {
    const timeout = new Map([['statement_timeout', String(this.#limits.patienceMs)]])
    const connection = await this.#connect(name, timeout)
    try {
      if (stepsForAnswers !== '') await connection.run(stepsForAnswers)
      return connection
    } catch (error) {
      connection.destroy()
      throw error
    }
  }

  get counts(): {
    node: string
    lanes: number
    onLanes: number
    own: number
    idle: number
    waiting: number
  }[] {
    return [...this.#nodes].map(([node, { lanes, own }]) => ({
      node,
      lanes: allOf(lanes).length,
      onLanes: this.load(node),
      own: own.total,
      idle: own.idle,
      waiting: own.waiting,
    }))
  }

  get servers(): ServerFacts[] {
    const { user, database } = this.identity
    const nowMs = performance.now()
    return [...this.#nodes].flatMap(([node, { lanes, own }]) => [
      ...allOf(lanes).map((lane): ServerFacts => {
        const { inFlight, facts } = lane
        const idleMs = inFlight > 0 ? 0 : nowMs - lane.idleSinceMs
        return { kind: 'lane', node, user, database, ...facts, inFlight, idleMs }
      }),
      ...[...own.servers].map((server): ServerFacts => {
        const { isTaken, prepared, connection } = server
        return {
          kind: 'own',
          node,
          user,
          database,
          processId: connection.processId,
          state: isTaken ? (server.status === 'I' ? 'taken' : 'in transaction') : 'idle',
          inFlight: isTaken ? 1 : 0,
          prepared: prepared.size,
          idleMs: isTaken ? 0 : nowMs - server.idleSinceMs,
        }
      }),
    ])
  }

  /** Every connection is replaced by a new one, as soon as nobody uses it. */
  retire(): void {
    for (const node of this.#nodes.values()) retireAll(node)
  }

  /** A node is no part of the herd any more: its connections end as soon as nobody uses them. */
  letGo(name: string): void {
    const node = this.#nodes.get(name)
    if (node !== undefined) retireAll(node)
  }

  sweep(sinceMs: number): void {
    for (const [name, { lanes, own }] of this.#nodes) {
      own.sweep(sinceMs)
      for (const lane of allOf(lanes)) if (lane.inFlight === 0 && lane.idleSinceMs < sinceMs) lane.close()
      if (!this.#link.has(name) && own.total + own.waiting + lanes.size === 0) this.#nodes.delete(name)
    }
  }

  /** A node is out: what is under way on it will not be answered. */
  cutOff(name: string, what: 'lanes' | 'all'): void {
    const node = this.#nodes.get(name)
    if (node === undefined) return
    for (const lane of allOf(node.lanes)) lane.destroy(new Error(`${name} is left out`))
    if (what === 'all') node.own.cutOff()
  }

  close(): void {
    for (const { lanes, own } of this.#nodes.values()) {
      own.close()
      for (const lane of allOf(lanes)) lane.close()
    }
  }
}

function retireAll({ lanes, own }: TenantNode): void {
  own.retire()
  for (const lane of allOf(lanes)) lane.retire()
}

function allOf(lanes: ReadonlyMap<string, Set<ProxyLane>>): ProxyLane[] {
  return [...lanes.values()].flatMap((kind) => [...kind])
}
