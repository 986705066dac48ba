import { rm } from 'node:fs/promises'
import { HerdError } from '@pgherd/core'
import type { GroupSpec } from '@pgherd/core/spec'
import type { ChangeSignal } from '../change-signal.js'
import { nodesOf } from '../herd-nodes.js'
import { findFreePorts } from '../postgres/ports.js'
import { type HerdIdentity, membersOf, writeIdentity } from '../state/herd-identity.js'
import type { HerdPaths } from '../state/herd-paths.js'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import type { Node } from '../supervisor/node.js'

/** Every node keeps so many connections for standbys at least, whatever its group began with. */
const MOST_NODES = 10
const POLL_MS = 100
/** Copies and starts that failed in a row: after so many the node is not wanted any more. */
const MOST_FAILURES = 4
const LET_GO_MS = 60_000

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
 * done, so a supervisor that starts later carries on: a node that was added is made, one that was leaving is
 * removed (I10).
 */
export class HerdMembership {
  readonly #parts: MembershipParts
  #identity: HerdIdentity
  #isBusy = false
  /** Nodes that are being made: nobody is to be sent there yet. */
  readonly #joining = new Set<string>()
  /** Grows with every change. */
  version = 0
  #isClosed = false

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#identity = parts.identity
  }

  /** Carries on with removals that an earlier supervisor began. */
  resume(): void {
    for (const name of this.#identity.leaving ?? []) {
      const group = this.#groupOf(name)
      if (group === null) continue
      this.#alone(() => this.#finishRemoval(group, name, () => {})).catch(({ message }: Error) => {
        if (!this.#isClosed) this.#parts.tell('removal-failed', group.name, name, message)
      })
    }
  }

  close(): void {
    this.#isClosed = true
  }

  /**
   * The nodes of a group that clients are to use: not those that are only being made, nor those that leave, unless
   * a failover has made one the primary.
   */
  serving(group: GroupSupervisor): Node[] {
    const without = new Set([...(this.#identity.leaving ?? []), ...this.#joining])
    const primary = group.primary()?.name
    return nodesOf(this.#identity).filter(
      (node) => node.group === group.name && (node.name === primary || !without.has(node.name)),
    )
  }

  /** Names of standbys that `count` more would be. Throws OPERATION_FAILED when there would be too many. */
  namesFor(group: GroupSupervisor, count: number): string[] {
    const present = membersOf(this.#identity, this.#specOf(group))
    if (present.length + count > MOST_NODES)
      throw new HerdError(
        'OPERATION_FAILED',
        `${group.name} has ${present.length} nodes, and can have at most ${MOST_NODES} while it runs.`,
      )
    const last = Math.max(...present.map((name) => Number(name.slice(group.name.length + 1))))
    return Array.from({ length: count }, (_, at) => `${group.name}-${last + 1 + at}`)
  }

  /**
   * Adds standbys to a group; resolves to their names once they stream and count. One that cannot be made is
   * taken back. Throws OPERATION_FAILED.
   */
  add(group: GroupSupervisor, count: number, report: MembershipReport): Promise<string[]> {
    return this.#alone(async () => {
      const names = this.namesFor(group, count)
      for (const name of names) await this.#enter(group, name)
      for (const name of names) await this.#whenJoined(group, name, report)
      return names
    })
  }

  /** Why a node cannot go now. Throws OPERATION_FAILED. */
  refuseRemoval(group: GroupSupervisor, name: string): void {
    const primary = group.primary()
    const { phase } = group.describe()
    if (primary === null || phase !== 'steady')
      throw new HerdError('OPERATION_FAILED', `${group.name} is ${phase} just now.`)
    if (primary.name === name)
      throw new HerdError('OPERATION_FAILED', `${name} is the primary of ${group.name}.`, {
        hint: `Hand over to another node first: pgherd switchover ${group.name}`,
      })
    const { durability, leaving = [], nodes } = group.settings
    const replicas = primary.record.answer?.replicas ?? {}
    const left = nodes.filter((each) => each !== name && each !== primary.name && !leaving.includes(each))
    if (durability === 'fast' || left.some((each) => replicas[each]?.streaming)) return
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
  remove(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    return this.#alone(async () => {
      this.refuseRemoval(group, name)
      await this.#write({ leaving: [...new Set([...(this.#identity.leaving ?? []), name])] })
      this.#parts.tell(
        'node-leaving',
        group.name,
        name,
        `${name} leaves ${group.name}: it gets no more work.`,
      )
      this.#parts.onChange()
      await this.#finishRemoval(group, name, report)
    })
  }

  async #enter(group: GroupSupervisor, name: string): Promise<void> {
    const { members = {}, ports, spec } = this.#identity
    const port = await findFreePorts(spec.host, 1, Math.max(...Object.values(ports)) + 1)
    const present = membersOf(this.#identity, this.#specOf(group))
    this.#joining.add(name)
    await this.#write({
      members: { ...members, [group.name]: [...present, name] },
      ports: { ...ports, [name]: port },
    })
    group.add(this.#nodeNamed(name))
    this.#parts.tell('node-added', group.name, name, `${name} is added to ${group.name}: it is being copied.`)
    this.#parts.onChange()
  }

  async #whenJoined(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    for (;;) {
      this.#refuseClosed()
      const node = group.nodes.get(name)
      const replicas = group.primary()?.record.answer?.replicas ?? {}
      if (node?.record.answer?.streaming && replicas[name]?.streaming && group.isWhole()) break
      const copied = node?.copied ?? null
      if (copied !== null) report(`Copying ${name}`, copied.total === 0 ? null : copied.bytes / copied.total)
      else report(node?.running ? `${name} is catching up` : `Preparing ${name}`, null)
      if ((node?.record.failures ?? 0) >= MOST_FAILURES) {
        const why = node?.lastFailure?.message ?? 'it could not be copied or started'
        await this.#write({ leaving: [...(this.#identity.leaving ?? []), name] })
        await this.#finishRemoval(group, name, report)
        throw new HerdError('OPERATION_FAILED', `${name} was taken back: ${why}`)
      }
      await this.#parts.changes.next(POLL_MS)
    }
    this.#joining.delete(name)
    this.version++
    this.#parts.tell('node-joined', group.name, name, `${name} streams, and ${group.name} counts on it.`)
    this.#parts.onChange()
  }

  async #finishRemoval(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    report(`Waiting until nothing depends on ${name}`, null)
    group.letLeave(this.#leavingOf(group))
    await this.#until(LET_GO_MS, () => {
      if (group.primary()?.name === name) return 'it has become the primary'
      return group.hasLetGo(name).rule ? null : 'the others do not have all that it has yet'
    }).catch(async (error: unknown) => {
      // It is written down still, so the next supervisor carries on (I10).
      if (this.#isClosed) throw error
      // Whoever counts on it again must be told so before it is.
      await this.#write({ leaving: (this.#identity.leaving ?? []).filter((each) => each !== name) })
      group.letLeave(this.#leavingOf(group))
      this.#parts.onChange()
      throw error
    })
    const node = this.#nodeNamed(name)
    report(`Waiting until nobody uses ${name}`, null)
    await this.#parts.whenUnused(node)
    this.#refuseClosed()
    report(`Stopping ${name}`, null)
    await group.halt(name)
    await this.#until(LET_GO_MS, () =>
      group.hasLetGo(name).slot ? null : 'the primary still keeps WAL for it',
    )
    report(`Deleting the data of ${name}`, null)
    await rm(node.paths.data, { recursive: true, force: true })
    await rm(node.paths.log, { force: true })
    const { members = {}, ports, leaving = [] } = this.#identity
    const { [name]: _, ...others } = ports
    const left = membersOf(this.#identity, this.#specOf(group)).filter((each) => each !== name)
    await this.#write({
      members: { ...members, [group.name]: left },
      ports: others,
      leaving: leaving.filter((each) => each !== name),
    })
    group.forget(name)
    this.#joining.delete(name)
    this.#parts.tell('node-removed', group.name, name, `${name} is removed from ${group.name}.`)
    this.#parts.onChange()
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

  async #write(change: Partial<HerdIdentity>): Promise<void> {
    const changed = { ...this.#identity, ...change }
    await writeIdentity(this.#parts.paths.identity, changed)
    this.#identity = changed
    this.version++
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy)
      throw new HerdError('OPERATION_FAILED', 'Another node is being added or removed; one at a time.')
    this.#isBusy = true
    try {
      return await work()
    } finally {
      this.#isBusy = false
    }
  }

  #leavingOf(group: GroupSupervisor): string[] {
    return (this.#identity.leaving ?? []).filter((name) => group.nodes.has(name))
  }

  #groupOf(name: string): GroupSupervisor | null {
    return this.#parts.groups.find((group) => group.nodes.has(name)) ?? null
  }

  #specOf({ name }: GroupSupervisor): GroupSpec {
    return this.#identity.spec.groups.find((group) => group.name === name) as GroupSpec
  }

  #nodeNamed(name: string): Node {
    return nodesOf(this.#identity).find((node) => node.name === name) as Node
  }
}
