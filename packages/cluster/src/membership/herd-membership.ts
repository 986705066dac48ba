import { HerdError } from '@pgherd/core'
import type { GroupSpec } from '@pgherd/core/spec'
import type { ChangeSignal } from '../change-signal.js'
import { choosePortsForMore } from '../choose-ports.js'
import { nodesOf } from '../herd-nodes.js'
import { type HerdIdentity, membersOf, writeIdentity } from '../state/herd-identity.js'
import type { HerdPaths } from '../state/herd-paths.js'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import type { Node } from '../supervisor/node.js'
import { deleteCopy } from './delete-copy.js'
import { refuseTooMany } from './most-nodes.js'

const POLL_MS = 100
/** Copies and starts that failed in a row: after so many the node is not wanted any more. */
const MOST_FAILURES = 4
const LET_GO_MS = 60_000

/** Why a node that was removed while it was being added is taken back. */
const UNWANTED = 'it was removed before it was done'

/** Hears how far a change is; `progress` from 0 to 1, null where it cannot be said. */
export type MembershipReport = (step: string, progress: number | null) => void

export interface MembershipParts {
  readonly paths: HerdPaths
  readonly identity: HerdIdentity
  readonly groups: readonly GroupSupervisor[]
  readonly changes: ChangeSignal
  readonly tell: (kind: string, group: string, node: string, message: string) => void
  /** Who else has to know which nodes there are. */
  readonly onChange: () => void
  /** Resolves when nobody uses this node any more who was told that it leaves, or after a while. */
  readonly whenUnused: (node: Node) => Promise<void>
}

/**
 * Which nodes a herd has, which can change while it runs. What was decided is on the disk before anything is
 * done, so a supervisor that starts later carries on: a node that was added is made or taken back, one that was
 * leaving is removed (I10).
 */
export class HerdMembership {
  readonly #parts: MembershipParts
  #identity: HerdIdentity
  #lastWrite: Promise<void> = Promise.resolve()
  #isBusy = false
  /** Grows with every change. */
  version = 0
  #isClosed = false

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#identity = parts.identity
  }

  /** Carries on with what an earlier supervisor began. */
  resume(): void {
    const { leaving = [], joining = [] } = this.#identity
    if (leaving.length + joining.length === 0) return
    this.#alone(async () => {
      for (const name of leaving)
        await this.#carryOn(name, async (group) => {
          await this.#finishRemoval(group, name, LET_GO_MS, () => {})
        })
      for (const name of joining.filter((each) => !leaving.includes(each)))
        await this.#carryOn(name, (group) => this.#whenJoined(group, name, () => {}))
    }).catch(() => {})
  }

  /** What becomes of it is told, since nobody waits for it. */
  async #carryOn(name: string, finish: (group: GroupSupervisor) => Promise<void>): Promise<void> {
    const group = this.#parts.groups.find(({ nodes }) => nodes.has(name))
    if (group === undefined) return
    await finish(group).catch(({ message }: Error) => {
      if (!this.#isClosed) this.#parts.tell('membership-failed', group.name, name, message)
    })
  }

  close(): void {
    this.#isClosed = true
  }

  /**
   * The nodes of a group that clients are to use: not those that are only being made, nor those that leave, unless
   * a failover has made one the primary.
   */
  serving(group: GroupSupervisor): Node[] {
    const primary = group.primary()?.name
    return nodesOf(this.#identity).filter(
      ({ group: itsGroup, name }) =>
        itsGroup === group.name && (name === primary || !(this.isJoining(name) || this.#isLeaving(name))),
    )
  }

  /** It has not been part of its group yet: whether it can be made is not known. */
  isJoining(name: string): boolean {
    return this.#identity.joining?.includes(name) === true
  }

  /** Names of standbys that `count` more would be. Throws OPERATION_FAILED where they cannot be added now. */
  namesFor(group: GroupSupervisor, count: number): string[] {
    this.#refuseBusy()
    return this.#namesFor(group, count)
  }

  #namesFor(group: GroupSupervisor, count: number): string[] {
    const spec = this.#specOf(group)
    const present = membersOf(this.#identity, spec)
    refuseTooMany(this.#identity.spec, spec, present.length, count)
    const last = Math.max(...present.map((name) => Number(name.slice(group.name.length + 1))))
    return Array.from({ length: count }, (_, at) => `${group.name}-${last + 1 + at}`)
  }

  /**
   * Adds standbys to a group; resolves to their names once they stream and count. One that cannot be made is
   * taken back, and then this throws why: OPERATION_FAILED, or what the system has refused.
   */
  add(group: GroupSupervisor, count: number, report: MembershipReport): Promise<string[]> {
    return this.#alone(async () => {
      const names = this.#namesFor(group, count)
      await this.#enter(group, names)
      const failures: unknown[] = []
      for (const name of names)
        await this.#whenJoined(group, name, report).catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw failures[0]
      return names
    })
  }

  /** Why a node cannot go now. Throws OPERATION_FAILED. */
  refuseRemoval(group: GroupSupervisor, name: string): void {
    // One that is being added can be taken back at any time: nothing depends on it.
    if (this.isJoining(name) && !this.#isLeaving(name)) return
    this.#refuseBusy()
    this.#refuseRemoval(group, name)
  }

  #refuseRemoval(group: GroupSupervisor, name: string): void {
    const primary = group.primary()
    const { phase, nodes: statuses } = group.describe()
    if (primary === null || phase !== 'steady')
      throw new HerdError('OPERATION_FAILED', `${group.name} is ${phase} just now.`)
    if (primary.name === name)
      throw new HerdError('OPERATION_FAILED', `${name} is the primary of ${group.name}.`, {
        hint: `Hand over to another node first: pgherd switchover ${group.name}`,
      })
    const { durability, leaving = [], nodes } = group.settings
    const replicas = primary.record.answer?.replicas ?? {}
    const left = nodes.filter((each) => each !== name && each !== primary.name && !leaving.includes(each))
    // What hangs still has a connection, for a while.
    const runs = (each: string): boolean =>
      statuses.some(({ name, state }) => name === each && state === 'running')
    if (durability === 'fast' || left.some((each) => replicas[each]?.streaming && runs(each))) return
    const why = left.length === 0 ? 'no standby would be left' : `${left.join(', ')} is not streaming`
    throw new HerdError(
      'OPERATION_FAILED',
      `${group.name} promises zero-loss, and without ${name} nothing would keep that: ${why}.`,
      { hint: `Add a standby first: pgherd node add ${group.name}` },
    )
  }

  /**
   * Removes a standby and deletes its copy of the data, once no acknowledged commit depends on it (I1).
   * Throws OPERATION_FAILED.
   */
  async remove(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    if (this.isJoining(name) && (await this.#cancel(group, name, report))) return
    await this.#alone(async () => {
      this.#refuseRemoval(group, name)
      await this.#write(({ leaving = [] }) => ({ leaving: [...new Set([...leaving, name])] }))
      this.#parts.tell(
        'node-leaving',
        group.name,
        name,
        `${name} leaves ${group.name}: it gets no more work.`,
      )
      this.#parts.onChange()
      const left = await this.#finishRemoval(group, name, LET_GO_MS, report)
      if (left !== null) throw left
    })
  }

  /** Has whoever adds a node take it back. False: it has joined meanwhile. */
  async #cancel(group: GroupSupervisor, name: string, report: MembershipReport): Promise<boolean> {
    await this.#write(({ joining = [], leaving = [] }) =>
      joining.includes(name) ? { leaving: [...new Set([...leaving, name])] } : {},
    )
    if (!this.#isLeaving(name)) return false
    report(`Taking ${name} back`, null)
    await this.#until(Number.POSITIVE_INFINITY, () => (this.#isLeaving(name) ? 'it is still there' : null))
    if (group.nodes.has(name))
      throw new HerdError('OPERATION_FAILED', `${name} could not be taken back: it is needed by now.`)
    return true
  }

  async #enter(group: GroupSupervisor, names: readonly string[]): Promise<void> {
    const fresh = await choosePortsForMore(this.#identity, names)
    await this.#write((identity) => ({
      members: {
        ...identity.members,
        [group.name]: [...membersOf(identity, this.#specOf(group)), ...names],
      },
      joining: [...(identity.joining ?? []), ...names],
      ports: { ...identity.ports, ...fresh },
    }))
    for (const name of names) {
      group.add(this.#nodeNamed(name))
      this.#parts.tell(
        'node-added',
        group.name,
        name,
        `${name} is added to ${group.name}: it is being copied.`,
      )
    }
    this.#parts.onChange()
  }

  async #whenJoined(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    while (this.isJoining(name)) {
      this.#refuseClosed()
      const why = this.#whyTakenBack(group, name)
      if (why !== null) {
        await this.#takeBack(group, name, report)
        throw takenBack(group, name, why)
      }
      if (group.hasJoined(name)) {
        await this.#write(({ joining = [], leaving = [] }) =>
          leaving.includes(name) ? {} : { joining: without(joining, name) },
        )
        continue
      }
      this.#reportOn(group, name, report)
      await this.#parts.changes.next(POLL_MS)
    }
    this.#parts.tell('node-joined', group.name, name, `${name} streams, and ${group.name} counts on it.`)
    this.#parts.onChange()
  }

  #reportOn(group: GroupSupervisor, name: string, report: MembershipReport): void {
    const { copied = null, running = null } = group.nodes.get(name) ?? {}
    if (copied !== null)
      report(`Copying ${name}`, copied.total === 0 ? null : Math.min(1, copied.bytes / copied.total))
    else if (running !== null) report(`${name} is catching up`, null)
    else if (group.describe().phase === 'steady') report(`Preparing ${name}`, null)
    else report(`Waiting until ${group.name} has a primary`, null)
  }

  #whyTakenBack(group: GroupSupervisor, name: string): unknown {
    if (this.#isLeaving(name)) return UNWANTED
    const node = group.nodes.get(name)
    if (node === undefined || node.record.failures < MOST_FAILURES) return null
    return node.lastTrouble ?? node.lastFailure ?? 'it could not be copied or started'
  }

  async #takeBack(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    await this.#write(({ leaving = [] }) => ({ leaving: [...new Set([...leaving, name])] }))
    await this.#finishRemoval(group, name, Number.POSITIVE_INFINITY, report)
  }

  /** Nothing depends on it, and nobody reads from it. Throws OPERATION_FAILED where it is needed. */
  async #whenReleased(
    group: GroupSupervisor,
    name: string,
    patienceMs: number,
    report: MembershipReport,
  ): Promise<void> {
    const whyNot = (isOver: () => boolean) => (): string | null => {
      if (group.primary()?.name === name)
        throw new HerdError('OPERATION_FAILED', `${name} has become the primary of ${group.name}.`)
      return isOver() ? null : 'the others do not have all that it has yet'
    }
    report(`Waiting until nothing depends on ${name}`, null)
    group.letLeave(this.#leavingOf(group))
    await this.#until(
      patienceMs,
      whyNot(() => group.hasLetGo(name)),
    )
    report(`Waiting until nobody uses ${name}`, null)
    await this.#parts.whenUnused(this.#nodeNamed(name))
    await this.#until(
      patienceMs,
      whyNot(() => group.release(name)),
    )
  }

  /** Resolves to why files of it are left, or null. */
  async #finishRemoval(
    group: GroupSupervisor,
    name: string,
    patienceMs: number,
    report: MembershipReport,
  ): Promise<HerdError | null> {
    await this.#whenReleased(group, name, patienceMs, report).catch(async (error: unknown) => {
      // It is written down still, so the next supervisor carries on (I10).
      if (this.#isClosed) throw error
      // Whoever counts on it again must be told so before it is.
      await this.#write(({ leaving = [], joining = [] }) => ({
        leaving: without(leaving, name),
        joining: without(joining, name),
      }))
      group.letLeave(this.#leavingOf(group))
      this.#parts.onChange()
      throw error
    })
    // From here on there is no way back: nobody looks after it any more.
    report(`Stopping ${name}`, null)
    const { paths } = this.#nodeNamed(name)
    await group.halt(name)
    report(`Waiting until the primary keeps no WAL for ${name}`, null)
    await this.#until(Number.POSITIVE_INFINITY, () => (group.hasNoSlotFor(name) ? null : 'it does'))
    report(`Deleting the data of ${name}`, null)
    const left = await deleteCopy(paths)
    await this.#write((identity) => this.#withoutNode(identity, group, name))
    group.forget(name)
    this.#parts.tell('node-removed', group.name, name, `${name} is removed from ${group.name}.`)
    if (left !== null) this.#parts.tell('data-left', group.name, name, left.message)
    this.#parts.onChange()
    return left
  }

  #withoutNode(identity: HerdIdentity, group: GroupSupervisor, name: string): Partial<HerdIdentity> {
    const { members = {}, ports, leaving = [], joining = [] } = identity
    const { [name]: _, ...others } = ports
    return {
      members: { ...members, [group.name]: without(membersOf(identity, this.#specOf(group)), name) },
      ports: others,
      leaving: without(leaving, name),
      joining: without(joining, name),
    }
  }

  /** Waits until nothing speaks against it. Throws OPERATION_FAILED with what does. */
  async #until(timeoutMs: number, why: () => string | null): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (let reason = why(); reason !== null; reason = why()) {
      this.#refuseClosed()
      if (performance.now() > deadline)
        throw new HerdError('OPERATION_FAILED', `The standby cannot go: ${reason}.`)
      await this.#parts.changes.next(POLL_MS)
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed)
      throw new HerdError('INTERRUPTED', 'The supervisor is stopping; the next one carries on.')
  }

  /** One after the other: each goes by what the one before has written. */
  #write(change: (identity: HerdIdentity) => Partial<HerdIdentity>): Promise<void> {
    const written = this.#lastWrite.then(async () => {
      const changed = { ...this.#identity, ...change(this.#identity) }
      await writeIdentity(this.#parts.paths.identity, changed)
      this.#identity = changed
      this.version++
    })
    this.#lastWrite = written.catch(() => {})
    return written
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseBusy()
    this.#isBusy = true
    try {
      return await work()
    } finally {
      this.#isBusy = false
    }
  }

  #refuseBusy(): void {
    if (this.#isBusy)
      throw new HerdError('OPERATION_FAILED', 'Another node is being added or removed; one at a time.')
  }

  #isLeaving(name: string): boolean {
    return this.#identity.leaving?.includes(name) === true
  }

  #leavingOf(group: GroupSupervisor): string[] {
    return (this.#identity.leaving ?? []).filter((name) => group.nodes.has(name))
  }

  #specOf({ name }: GroupSupervisor): GroupSpec {
    return this.#identity.spec.groups.find((group) => group.name === name) as GroupSpec
  }

  #nodeNamed(name: string): Node {
    return nodesOf(this.#identity).find((node) => node.name === name) as Node
  }
}

function without(names: readonly string[], name: string): string[] {
  return names.filter((each) => each !== name)
}

function takenBack({ name: group }: GroupSupervisor, name: string, cause: unknown): HerdError {
  const code = cause instanceof HerdError ? cause.code : 'OPERATION_FAILED'
  const why = cause instanceof Error ? cause.message : String(cause)
  return new HerdError(code, `${name} was taken back: ${why.replace(/\.$/, '')}.`, {
    ...(cause === UNWANTED ? {} : { hint: `To try it again: pgherd node add ${group}` }),
    cause,
  })
}
