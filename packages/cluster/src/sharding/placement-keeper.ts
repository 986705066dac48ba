import { HerdError } from '@pgherd/core'
import { movedStretches, type Placement, type ShardMap, samePlacement } from '@pgherd/core/sharding'
import type { HerdSpec, ShardingSpec } from '@pgherd/core/spec'
import type pg from 'pg'
import type { ChangeSignal } from '../change-signal.js'
import { withAdminConnection } from '../replication/admin-connection.js'
import { completeTransaction, whenReplayed } from '../replication/complete-transaction.js'
import type { Secrets } from '../state/herd-identity.js'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import type { ManagedNode } from '../supervisor/managed-node.js'
import { cutOffSessions, whenShown } from './cut-off-sessions.js'
import { firstPlacement, placedGroups } from './first-placement.js'
import type { GroupNumbers } from './placement-objects.js'
import { type GroupPlacement, noteFenced, readGroupPlacement, writeGroupPlacement } from './placement-row.js'
import { refuseChangedPlacement } from './refuse-changed-placement.js'

const STATEMENT_TIMEOUT_MS = 10_000
const FENCE_TIMEOUT_MS = 10_000
const AGAIN_MS = 500
const WAIT_MS = 1000
/** Errors that trying again will not mend. */
const FINAL = new Set(['SPEC_CHANGED', 'NOT_SUPPORTED', 'SHARD_MAP_INVALID'])

export interface PlacementKeeperParts {
  readonly spec: HerdSpec
  readonly sharding: ShardingSpec
  readonly secrets: Secrets
  readonly groups: readonly GroupSupervisor[]
  readonly changes: ChangeSignal
  readonly tell: (kind: string, group: string | null, message: string) => void
}

/**
 * Sees to it that every group has the herd's placement, and that nobody is left on a node who came under
 * an older one. What the groups' own tables say is all it goes by: the highest epoch among them is that of
 * a change that was begun, and is carried on with.
 */
export class PlacementKeeper {
  readonly #parts: PlacementKeeperParts
  #placement: Placement | null = null
  /** The groups' epochs when their rows were last seen to be right: a failover may have changed them. */
  #seenEpochs: number | null = null
  /** The same of their primaries alone. */
  #inForceEpochs: number | null = null
  /** By node: the process on which nobody is left from before. */
  readonly #settled = new Map<string, ManagedNode['running']>()
  #failure: HerdError | null = null
  /** The last reason to try again, so that it is told once. */
  #lastTold = ''
  #closed = false
  #running: Promise<void> = Promise.resolve()
  #lastWork: Promise<unknown> = Promise.resolve()

  constructor(parts: PlacementKeeperParts) {
    this.#parts = parts
  }

  /** The placement that all groups have; null until they do. */
  get placement(): Placement | null {
    return this.#placement
  }

  /** Why they cannot have it, where trying again is of no use. */
  get failure(): HerdError | null {
    return this.#failure
  }

  /** Nodes came or went: every group is to know how all are reached. */
  groupsChanged(): void {
    this.#seenEpochs = null
  }

  get isSettled(): boolean {
    return (
      this.#placement !== null && this.#seenEpochs === this.#epochs() && this.#unsettledNodes().length === 0
    )
  }

  /** Every primary has the placement. A standby may still let in who came under an older one: it has older rows. */
  get isInForce(): boolean {
    return this.#placement !== null && this.#inForceEpochs === this.#epochs()
  }

  start(): void {
    this.#running = this.#run()
  }

  /** What is under way gets `patienceMs` to end; the next start carries on with it. */
  async close(patienceMs: number): Promise<void> {
    this.#closed = true
    this.#parts.changes.fire()
    await Promise.race([
      Promise.allSettled([this.#running, this.#lastWork]),
      new Promise((resolve) => setTimeout(resolve, patienceMs).unref()),
    ])
  }

  /**
   * Puts another map in force: under it no session runs any more that began under the one before. Groups
   * that lose something come first, so that two never think a position theirs. What was begun is tried again
   * until it is done, by this supervisor or the next.
   *
   * Throws SHARD_MAP_INVALID where it is not the map that follows, OPERATION_FAILED.
   */
  async change(map: ShardMap): Promise<void> {
    try {
      await this.#alone(() => this.#change(map))
    } catch (error) {
      // What of it is in a group's table is to be finished, whether somebody asks again or not.
      this.#seenEpochs = this.#inForceEpochs = null
      throw error
    } finally {
      this.#parts.changes.fire()
    }
  }

  async #change(map: ShardMap): Promise<void> {
    const rows = await this.#readAll()
    const newest = newestOf(rows)
    if (newest === null) throw new HerdError('OPERATION_FAILED', 'The herd has no placement yet.')
    const wanted = { ...newest, map, groups: this.#placedGroups() }
    if (map.epoch === newest.map.epoch && samePlacement(wanted, newest)) {
      await this.#carryOut(wanted, rows)
      return
    }
    this.#refuseWrongMap(map, newest)
    await this.#carryOut({ ...newest, groups: this.#placedGroups() }, rows)
    await this.#carryOut(wanted, await this.#readAll())
  }

  #refuseWrongMap(map: ShardMap, newest: Placement): void {
    const names = newest.groups.map(({ name }) => name)
    const stranger = map.shards.find((shard) => !names.includes(shard))
    const reason =
      map.epoch !== newest.map.epoch + 1
        ? `the map in force is of epoch ${newest.map.epoch}, and this one of epoch ${map.epoch} does not follow it`
        : map.line.kind !== newest.map.line.kind
          ? `its line is of ${map.line.kind}, and that of the map in force of ${newest.map.line.kind}`
          : stranger === undefined
            ? null
            : `${JSON.stringify(stranger)} is no group of this herd`
    if (reason !== null)
      throw new HerdError('SHARD_MAP_INVALID', `This map cannot be put in force: ${reason}.`)
  }

  async #run(): Promise<void> {
    const { changes } = this.#parts
    while (!this.#closed) {
      if (!this.#isReady() || this.isSettled) {
        await changes.next(WAIT_MS)
        continue
      }
      try {
        await this.#alone(() => this.#bringUp())
      } catch (error) {
        if (this.#closed) return
        const told = error instanceof HerdError ? error : null
        if (told !== null && FINAL.has(told.code)) {
          this.#failure = told
          this.#parts.tell('placement-refused', null, told.message)
          changes.fire()
          return
        }
        this.#tellOnce(error)
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  }

  #tellOnce(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (message !== this.#lastTold) this.#parts.tell('placement-waits', null, message)
    this.#lastTold = message
  }

  /** One at a time looks and acts. */
  #alone(work: () => Promise<void>): Promise<void> {
    const mine = this.#lastWork.then(work, work)
    this.#lastWork = mine.catch(() => {})
    return mine
  }

  async #bringUp(): Promise<void> {
    const { spec, sharding, tell, changes } = this.#parts
    const epochs = this.#epochs()
    const rows = await this.#readAll()
    const newest = newestOf(rows)
    if (newest !== null) refuseChangedPlacement(spec.name, sharding, newest)
    const wanted: Placement =
      newest === null
        ? firstPlacement(sharding, this.#placedGroups())
        : { ...newest, groups: this.#placedGroups() }
    await this.#carryOut(wanted, rows)
    this.#inForceEpochs = epochs
    changes.fire()
    const { epoch } = wanted.map
    await Promise.all(this.#unsettledNodes().map(({ group, node }) => this.#settle(group, node, epoch)))
    this.#seenEpochs = epochs
    if (newest === null)
      tell('placement-made', null, `Every group has the shard map, epoch ${wanted.map.epoch}.`)
    changes.fire()
  }

  async #carryOut(wanted: Placement, rows: readonly GroupPlacement[]): Promise<void> {
    const [losers, others] = inOrder(wanted, rows)
    for (const row of losers) await this.#bring(row, wanted)
    await Promise.all(others.map((row) => this.#bring(row, wanted)))
    this.#placement = wanted
  }

  async #bring(row: GroupPlacement, wanted: Placement): Promise<void> {
    const { epoch } = wanted.map
    const group = this.#groupNamed(row.group)
    if (isBehind(row, wanted))
      await this.#onPrimary(group, (client, numbers) =>
        writeGroupPlacement(client, wanted, group.name, numbers),
      )
    if (row.placement === null ? epoch > 1 : row.fencedEpoch < epoch) await this.#fence(group, epoch)
  }

  async #fence(group: GroupSupervisor, epoch: number): Promise<void> {
    const ended = await Promise.all(
      [...group.nodes.values()]
        .filter(({ running }) => running !== null)
        .map((node) => this.#settle(group, node, epoch)),
    )
    const isStill = await this.#onPrimary(group, (client) => noteFenced(client, epoch))
    if (!isStill)
      throw new HerdError('OPERATION_FAILED', `The primary of ${group.name} changed while its placement did.`)
    const sessions = ended.reduce((sum, count) => sum + count, 0)
    this.#parts.tell(
      'placement-changed',
      group.name,
      `${group.name} is under epoch ${epoch} of the shard map; ${sessions} sessions from before were ended.`,
    )
  }

  /** Afterwards nobody is on this node who came under an older epoch. */
  async #settle(group: GroupSupervisor, node: ManagedNode, epoch: number): Promise<number> {
    const { running } = node
    if (running === null) return 0
    const lsn = group.primary() === node ? null : await this.#onPrimary(group, completeTransaction)
    const ended = await this.#onNode(node, async (client) => {
      if (lsn !== null) await whenReplayed(client, node.name, lsn, FENCE_TIMEOUT_MS)
      return settleNode(client, node.name, epoch)
    }).catch((error: unknown) => {
      // A server that is gone has taken its sessions with it.
      if (node.running !== running) return 0
      throw error instanceof HerdError ? error : unanswered(node, group, error)
    })
    this.#settled.set(node.name, running)
    return ended
  }

  /**
   * A standby that was away shows the placement of then until it has caught up, and lets in who comes with
   * it. One that an earlier supervisor left running was looked at by that one.
   */
  #unsettledNodes(): { group: GroupSupervisor; node: ManagedNode }[] {
    return this.#parts.groups.flatMap((group) =>
      [...group.nodes.values()].flatMap((node) => {
        const { running } = node
        if (running === null || node.record.answer === null) return []
        if (this.#settled.get(node.name) === running) return []
        if (running.startedByUs || this.#settled.has(node.name)) return [{ group, node }]
        this.#settled.set(node.name, running)
        return []
      }),
    )
  }

  async #readAll(): Promise<GroupPlacement[]> {
    return Promise.all(
      this.#parts.groups.map((group) =>
        this.#onPrimary(group, (client, numbers) => readGroupPlacement(client, group.name, numbers)),
      ),
    )
  }

  #placedGroups(): Placement['groups'] {
    const { groups } = this.#parts
    const nodes = groups.flatMap((group) => [...group.nodes.values()].map(({ node }) => node))
    return placedGroups(
      groups.map(({ name }) => name),
      nodes,
    )
  }

  /** Every group has a primary that takes writes. */
  #isReady(): boolean {
    return this.#parts.groups.every((group) => {
      const answer = group.primary()?.record.answer
      return answer !== null && answer !== undefined && !answer.recovery
    })
  }

  #epochs(): number {
    return this.#parts.groups.reduce((sum, { epoch }) => sum + epoch, 0)
  }

  #groupNamed(name: string): GroupSupervisor {
    return this.#parts.groups.find((group) => group.name === name) as GroupSupervisor
  }

  #numbersOf(group: GroupSupervisor): GroupNumbers {
    const { groups, sharding } = this.#parts
    // Also of groups that are no shards yet. What is in home only needs no numbers that others do not give.
    const mayBeShard = group.name !== sharding.home || sharding.groups.includes(group.name)
    return { number: groups.indexOf(group), strided: sharding.sequences === 'strided' && mayBeShard }
  }

  async #onPrimary<T>(
    group: GroupSupervisor,
    use: (client: pg.Client, numbers: GroupNumbers) => Promise<T>,
  ): Promise<T> {
    const primary = group.primary()
    if (primary === null) throw new HerdError('NO_PRIMARY', `${group.name} has no primary yet.`)
    const numbers = this.#numbersOf(group)
    return this.#onNode(primary, (client) => use(client, numbers)).catch((error: unknown) => {
      throw error instanceof HerdError ? error : unanswered(primary, group, error)
    })
  }

  #onNode<T>(node: ManagedNode, use: (client: pg.Client) => Promise<T>): Promise<T> {
    const { spec, secrets } = this.#parts
    const { address } = node.node.server
    return withAdminConnection(address, secrets.superuser, STATEMENT_TIMEOUT_MS, use, spec.database)
  }
}

/** Before the first epoch nobody could enter: there it is enough that the row is there. */
async function settleNode(client: pg.Client, node: string, epoch: number): Promise<number> {
  if (epoch > 1) return cutOffSessions(client, node, epoch, FENCE_TIMEOUT_MS)
  await whenShown(client, node, epoch, FENCE_TIMEOUT_MS)
  return 0
}

function unanswered(node: ManagedNode, group: GroupSupervisor, cause: unknown): HerdError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HerdError(
    'OPERATION_FAILED',
    `${node.name} of ${group.name} could not be asked about its placement: ${reason}.`,
    { cause },
  )
}

function isBehind({ hasObjects, placement }: GroupPlacement, wanted: Placement): boolean {
  if (!hasObjects || placement === null || placement.map.epoch < wanted.map.epoch) return true
  return JSON.stringify(placement.groups) !== JSON.stringify(wanted.groups)
}

/** The placement of the highest epoch that any group has; null where none has one. Throws SHARD_MAP_INVALID. */
function newestOf(rows: readonly GroupPlacement[]): Placement | null {
  let newest: GroupPlacement | null = null
  for (const row of rows) {
    const [found, best] = [row.placement, newest?.placement ?? null]
    if (found === null) continue
    if (best === null || found.map.epoch > best.map.epoch) newest = row
    else if (found.map.epoch === best.map.epoch && !samePlacement(found, best))
      throw new HerdError(
        'SHARD_MAP_INVALID',
        `The groups ${newest?.group} and ${row.group} have different placements of epoch ${found.map.epoch}.`,
      )
  }
  return newest?.placement ?? null
}

/** The groups that lose something under the wanted placement, which come first, and the others. */
function inOrder(wanted: Placement, rows: readonly GroupPlacement[]): [GroupPlacement[], GroupPlacement[]] {
  const losers = new Set(
    rows.flatMap(({ placement }) =>
      placement === null || placement.map.epoch >= wanted.map.epoch
        ? []
        : movedStretches(placement.map, wanted.map).map(({ source }) => source),
    ),
  )
  return [rows.filter(({ group }) => losers.has(group)), rows.filter(({ group }) => !losers.has(group))]
}
