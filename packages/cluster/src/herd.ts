import { HerdError, type HerdStatus } from '@pgherd/core'
import type { Placement, ShardMap } from '@pgherd/core/sharding'
import type { HerdSpec } from '@pgherd/core/spec'
import type { ChangeSignal } from './change-signal.js'
import { type DsnRole, dsnNodes, formatDsn, formatDsnOf, hostAndPort } from './dsn.js'
import type { HerdMembership, MembershipReport } from './membership/herd-membership.js'
import type { HerdWideKeeper } from './sharding/herd-wide-keeper.js'
import type { PlacementKeeper } from './sharding/placement-keeper.js'
import type { EventLog, HerdEvent } from './state/event-log.js'
import type { Secrets } from './state/herd-identity.js'
import type { HerdPaths } from './state/herd-paths.js'
import { releaseLock, type SupervisorRecord } from './state/supervisor-lock.js'
import type { GroupSupervisor } from './supervisor/group-supervisor.js'

/** Errors that trying again will not mend: `whenWhole` gives up on them. */
const FINAL = new Set(['PORT_TAKEN', 'SPEC_INVALID', 'NO_SPACE', 'NO_SHARED_MEMORY', 'PERMISSION_DENIED'])
const GIVE_UP_AFTER_FAILURES = 5
const REFRESH_MS = 100
const ANNOUNCED_TIMEOUT_MS = 30_000
/** How long what is under way may take to end once the supervisor is told to. */
const STOP_PATIENCE_MS = 30_000
const LEAVE_PATIENCE_MS = 3000

export interface HerdParts {
  paths: HerdPaths
  spec: HerdSpec
  events: EventLog
  secrets: Secrets
  lock: SupervisorRecord
  groups: readonly GroupSupervisor[]
  /** Null: nothing is sharded. */
  keeper: PlacementKeeper | null
  wide: HerdWideKeeper | null
  changes: ChangeSignal
  membership: HerdMembership
  /** Where the proxy is to listen; null: there is to be none. */
  proxyAddress: { host: string; port: number } | null
  /** Where the control API is to listen; null: there is to be none. */
  apiAddress: { host: string; port: number } | null
}

/**
 * A herd under supervision: the process that holds this object starts its servers, watches them and
 * acts. Only one such object can exist for a herd at a time, over all processes.
 */
export class Herd {
  readonly name: string
  readonly paths: HerdPaths
  readonly spec: HerdSpec
  readonly events: EventLog
  /** Where the proxy is to listen; null: there is to be none, or nobody who runs it. */
  readonly proxyAddress: { readonly host: string; readonly port: number } | null
  /** Where the proxy serves just now, as whoever runs it says. */
  proxy: { readonly host: string; readonly port: number } | null = null
  readonly apiAddress: { readonly host: string; readonly port: number } | null
  /** Where the control API is just now, as whoever serves it says. */
  api: { readonly url: string } | null = null
  readonly #secrets: Secrets
  readonly #lock: SupervisorRecord
  readonly #groups: readonly GroupSupervisor[]
  readonly #keeper: PlacementKeeper | null
  readonly #wide: HerdWideKeeper | null
  readonly #changes: ChangeSignal
  readonly #membership: HerdMembership
  #closing: Promise<void> | null = null

  /** For `openHerd`, which puts the parts together. */
  constructor(parts: HerdParts) {
    this.name = parts.spec.name
    this.paths = parts.paths
    this.spec = parts.spec
    this.events = parts.events
    this.proxyAddress = parts.proxyAddress
    this.apiAddress = parts.apiAddress
    this.#secrets = parts.secrets
    this.#lock = parts.lock
    this.#groups = parts.groups
    this.#keeper = parts.keeper
    this.#wide = parts.wide
    this.#changes = parts.changes
    this.#membership = parts.membership
  }

  /** The topology as it is known; with `fresh`, every node is asked first (at most 100 ms). */
  async status({ fresh = true }: { fresh?: boolean } = {}): Promise<HerdStatus> {
    if (fresh) await Promise.all(this.#groups.map((group) => group.refresh(REFRESH_MS)))
    const groups = this.#groups.map((group) => group.describe())
    return {
      name: this.name,
      epoch: groups.reduce((sum, group) => sum + group.epoch, 0),
      groups,
      proxy: this.proxy,
      api: this.api,
    }
  }

  /** Every group is steady, every standby streams and counts; if sharded, every group has the placement. */
  isWhole(): boolean {
    return this.#groups.every((group) => group.isWhole()) && this.#keeper?.isSettled !== false
  }

  /** Resolves when the herd is whole. Rejects with why a server cannot be started, or when `timeoutMs` pass. */
  async whenWhole(timeoutMs = 60_000, signal?: AbortSignal): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!this.isWhole()) {
      if (signal?.aborted) throw new HerdError('INTERRUPTED', 'Interrupted while the herd was coming up.')
      if (this.#keeper?.failure) throw this.#keeper.failure
      const failure = this.#whyHopeless()
      if (failure !== null) throw failure
      if (performance.now() > deadline) {
        throw new HerdError('OPERATION_FAILED', `The herd is not whole after ${timeoutMs / 1000} s.`, {
          hint: 'See "pgherd status" and "pgherd logs" for which node is missing and why.',
        })
      }
      await this.#changes.next(50)
    }
  }

  /** Why a server will not start. One that is just being added is taken back when it cannot be made. */
  #whyHopeless(): HerdError | null {
    const failed = this.#groups
      .flatMap((group) => group.failedNodes)
      .filter(({ name }) => !this.#membership.isJoining(name))
    const hopeless = failed.find(
      ({ lastFailure, record }) =>
        FINAL.has(lastFailure?.code ?? '') || record.failures >= GIVE_UP_AFTER_FAILURES,
    )
    return hopeless?.lastFailure ?? null
  }

  /** Tells of every change of what is known; returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#changes.listen(listener)
  }

  onEvent(listener: (event: HerdEvent) => void): () => void {
    return this.events.listen(listener)
  }

  /**
   * Sets the primary aside and lets a standby take over. Resolves once it has.
   * Throws NO_ELIGIBLE_SUCCESSOR, UNKNOWN_GROUP, OPERATION_FAILED.
   */
  async failover(group: string, { acceptLoss = false }: { acceptLoss?: boolean } = {}): Promise<void> {
    const supervisor = this.#group(group)
    const { epoch } = supervisor
    await supervisor.order({ kind: 'failover', acceptLoss })
    await this.#whenAnnounced(supervisor, epoch)
  }

  /**
   * Hands primaryship over in order. Resolves once the new primary serves.
   * Throws SWITCHOVER_REFUSED, UNKNOWN_GROUP, UNKNOWN_NODE, OPERATION_FAILED.
   */
  async switchover(group: string, { to = null }: { to?: string | null } = {}): Promise<void> {
    const supervisor = this.#group(group)
    if (to !== null && !supervisor.nodes.has(to)) throw unknownNode(to, [...supervisor.nodes.keys()])
    const { epoch } = supervisor
    await supervisor.order({ kind: 'switchover', to })
    await this.#whenAnnounced(supervisor, epoch)
  }

  /** Where rows belong, once every group knows it; null before that, and where nothing is sharded. */
  placement(): Placement | null {
    return this.#keeper?.placement ?? null
  }

  /**
   * Puts another shard map in force. Afterwards no session runs any more, on any node, that began under
   * the map before; groups that lose something were first. What was begun is tried again until it is done,
   * also after this has thrown, and by the next supervisor.
   *
   * Throws SHARD_MAP_INVALID where the map does not follow the one in force, NOT_SUPPORTED, OPERATION_FAILED.
   */
  async changePlacement(change: { readonly map: ShardMap }): Promise<void> {
    if (this.#keeper === null)
      throw new HerdError('NOT_SUPPORTED', `Nothing is sharded in the herd "${this.name}".`)
    await this.#keeper.change(change.map)
  }

  /** Another one after nodes came or went. */
  get membershipVersion(): number {
    return this.#membership.version
  }

  /** By group, in the order of the spec: the nodes that clients are to use, as `host:port`. */
  servingNodes(): { name: string; nodes: string[] }[] {
    return this.#groups.map((group) => ({
      name: group.name,
      nodes: this.#membership.serving(group).map(({ server }) => hostAndPort(server.address)),
    }))
  }

  /** Connection strings of a superuser to the nodes of a group that clients are to use. Throws UNKNOWN_GROUP. */
  servingDsns(group: string): string[] {
    return this.#membership.serving(this.#group(group)).map(({ name }) => this.dsn(name, 'superuser'))
  }

  /** What `addNodes` would call them. Throws UNKNOWN_GROUP, OPERATION_FAILED. */
  namesForNodes(group: string, count: number): string[] {
    return this.#membership.namesFor(this.#group(group), count)
  }

  /** Adds standbys; resolves to their names once they stream and count. Throws UNKNOWN_GROUP, OPERATION_FAILED. */
  async addNodes(group: string, count: number, report: MembershipReport = () => {}): Promise<string[]> {
    return this.#membership.add(this.#group(group), count, report)
  }

  /** Throws why a node cannot be removed now: UNKNOWN_NODE, OPERATION_FAILED. */
  refuseRemoval(node: string): void {
    this.#membership.refuseRemoval(this.#groupOf(node), node)
  }

  /**
   * Removes a standby and deletes its copy of the data, once no acknowledged commit depends on it.
   * Throws UNKNOWN_NODE, OPERATION_FAILED.
   */
  async removeNode(node: string, report: MembershipReport = () => {}): Promise<void> {
    await this.#membership.remove(this.#groupOf(node), node, report)
  }

  /** For experiments: `kill` is kill -9 of the postmaster, `pause` stops every process of the node. */
  async disturb(node: string, how: 'kill' | 'pause' | 'resume'): Promise<void> {
    await this.#groupOf(node).disturb(node, how)
  }

  /** See `formatDsn`. Throws UNKNOWN_NODE. */
  dsn(node: string | null = null, role: DsnRole = 'application'): string {
    const nodes = this.#groups.flatMap((group) => [...group.nodes.values()].map((managed) => managed.node))
    return formatDsn(dsnNodes(nodes, node), this.spec.database, this.#secrets, role)
  }

  /** Of the superuser, to a database on a node. Throws UNKNOWN_NODE. */
  administratorOf(node: string): { host: string; port: number; password: string } {
    const managed = this.#groups.flatMap((group) => group.nodes.get(node) ?? [])[0]
    if (managed === undefined)
      throw unknownNode(
        node,
        this.#groups.flatMap((each) => [...each.nodes.keys()]),
      )
    return { ...managed.node.server.address, password: this.#secrets.superuser }
  }

  /** A connection string that leads to the proxy; null where there is none. */
  proxyDsn(role: DsnRole = 'application'): string | null {
    const { proxyAddress } = this
    return proxyAddress && formatDsnOf([hostAndPort(proxyAddress)], this.spec.database, this.#secrets, role)
  }

  /** The announced primary of a group (default: the first), or null before there is one. */
  primaryOf(group?: string): { name: string; host: string; port: number } | null {
    const node = (group === undefined ? this.#groups[0] : this.#group(group))?.primary()
    return node ? { name: node.name, ...node.node.server.address } : null
  }

  get groupNames(): string[] {
    return this.#groups.map((group) => group.name)
  }

  /** Names of the nodes of a group. Throws UNKNOWN_GROUP. */
  nodesOf(group: string): string[] {
    return [...this.#group(group).nodes.keys()]
  }

  logFile(node: string): string {
    for (const group of this.#groups) {
      const found = group.nodes.get(node)
      if (found !== undefined) return found.node.paths.log
    }
    throw unknownNode(
      node,
      this.#groups.flatMap((each) => [...each.nodes.keys()]),
    )
  }

  /** Stops every server in order and stops supervising; the data stays. */
  stop(): Promise<void> {
    this.#closing ??= this.#close(true)
    return this.#closing
  }

  /** Stops supervising and leaves the servers running; the next `open` adopts them. */
  leave(): Promise<void> {
    this.#closing ??= this.#close(false)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #close(stopServers: boolean): Promise<void> {
    this.#membership.close()
    // A start that is still under way would leave a server behind that nobody stops.
    const patienceMs = stopServers ? STOP_PATIENCE_MS : LEAVE_PATIENCE_MS
    await Promise.all([this.#keeper?.close(patienceMs), this.#wide?.close(patienceMs)])
    await Promise.all(this.#groups.map((group) => group.close(patienceMs)))
    if (stopServers) await Promise.all(this.#groups.map((group) => group.stopServers()))
    await this.events.flush()
    releaseLock(this.paths.lock, this.#lock)
  }

  async #whenAnnounced(group: GroupSupervisor, epoch: number): Promise<void> {
    const deadline = performance.now() + ANNOUNCED_TIMEOUT_MS
    while (group.epoch === epoch) {
      const { phase, blocked } = group.describe()
      if (phase === 'steady') throw new HerdError('OPERATION_FAILED', this.#whyGivenUp(group.name))
      if (blocked !== null || performance.now() > deadline) {
        throw new HerdError(
          'OPERATION_FAILED',
          `${group.name} is still ${phase}: ${blocked ?? 'it takes too long'}.`,
        )
      }
      await this.#changes.next(50)
    }
  }

  #whyGivenUp(group: string): string {
    const last = this.events
      .recent(20)
      .findLast((event) => event.group === group && event.kind.endsWith('abandoned'))
    return last?.message ?? 'The change was given up; the primary is the same as before.'
  }

  #groupOf(node: string): GroupSupervisor {
    const group = this.#groups.find((each) => each.nodes.has(node))
    if (group !== undefined) return group
    throw unknownNode(
      node,
      this.#groups.flatMap((each) => [...each.nodes.keys()]),
    )
  }

  #group(name: string): GroupSupervisor {
    const found = this.#groups.find((group) => group.name === name)
    if (found === undefined) {
      const names = this.#groups.map((group) => group.name).join(', ')
      throw new HerdError('UNKNOWN_GROUP', `There is no group "${name}"; this herd has ${names}.`)
    }
    return found
  }
}

function unknownNode(name: string, known: readonly string[]): HerdError {
  return new HerdError('UNKNOWN_NODE', `There is no node "${name}"; this herd has ${known.join(', ')}.`)
}
