import { HerdError } from '@pgherd/core'
import type { ChangeSignal } from '../change-signal.js'
import type { HerdIdentity } from '../state/herd-identity.js'
import type { HerdPaths } from '../state/herd-paths.js'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import type { Node } from '../supervisor/node.js'
import { finishRemoval, type MembershipWork } from './finish-removal.js'
import { MemberBook } from './member-book.js'
import { refuseRemoval } from './refuse-removal.js'
import { Waiting } from './waiting.js'
import { whenJoined } from './when-joined.js'

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
 * done, so a supervisor that starts later carries on: a node that was added is made or taken back, one that was
 * leaving is removed (I10).
 */
export class HerdMembership {
  readonly #parts: MembershipParts
  readonly #book: MemberBook
  readonly #waiting: Waiting
  readonly #work: MembershipWork
  #isBusy = false

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#book = new MemberBook(parts.paths.identity, parts.identity)
    this.#waiting = new Waiting(parts.changes)
    this.#work = { parts, book: this.#book, waiting: this.#waiting }
  }

  /** Grows with every change. */
  get version(): number {
    return this.#book.version
  }

  /** Carries on with what an earlier supervisor began. */
  resume(): void {
    const { leaving, joining } = this.#book
    if (leaving.length + joining.length === 0) return
    this.#alone(async () => {
      for (const name of leaving)
        await this.#carryOn(name, (group) => finishRemoval(this.#work, group, name, LET_GO_MS, () => {}))
      for (const name of joining.filter((each) => !leaving.includes(each)))
        await this.#carryOn(name, (group) => whenJoined(this.#work, group, name, () => {}))
    }).catch(() => {})
  }

  /** What becomes of it is told, since nobody waits for it. */
  async #carryOn(name: string, finish: (group: GroupSupervisor) => Promise<unknown>): Promise<void> {
    const group = this.#parts.groups.find(({ nodes }) => nodes.has(name))
    if (group === undefined) return
    await finish(group).catch(({ message }: Error) => {
      if (!this.#waiting.isClosed) this.#parts.tell('membership-failed', group.name, name, message)
    })
  }

  close(): void {
    this.#waiting.close()
  }

  /**
   * The nodes of a group that clients are to use: not those that are only being made, nor those that leave, unless
   * a failover has made one the primary.
   */
  serving(group: GroupSupervisor): Node[] {
    return this.#book.serving(group.name, group.primary()?.name)
  }

  /** It has not been part of its group yet: whether it can be made is not known. */
  isJoining(name: string): boolean {
    return this.#book.isJoining(name)
  }

  /** Names of standbys that `count` more would be. Throws OPERATION_FAILED where they cannot be added now. */
  namesFor(group: GroupSupervisor, count: number): string[] {
    this.#refuseBusy()
    return this.#book.namesForMore(group.name, count)
  }

  /**
   * Adds standbys to a group; resolves to their names once they stream and count. One that cannot be made is
   * taken back, and then this throws why: OPERATION_FAILED, or what the system has refused.
   */
  add(group: GroupSupervisor, count: number, report: MembershipReport): Promise<string[]> {
    return this.#alone(async () => {
      const names = this.#book.namesForMore(group.name, count)
      await this.#enter(group, names)
      const failures: unknown[] = []
      for (const name of names)
        await whenJoined(this.#work, group, name, report).catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw failures[0]
      return names
    })
  }

  async #enter(group: GroupSupervisor, names: readonly string[]): Promise<void> {
    const { tell, onChange } = this.#parts
    await this.#book.enter(group.name, names)
    for (const name of names) {
      group.add(this.#book.nodeNamed(name))
      tell('node-added', group.name, name, `${name} is added to ${group.name}: it is being copied.`)
    }
    onChange()
  }

  /** Why a node cannot go now. Throws OPERATION_FAILED. */
  refuseRemoval(group: GroupSupervisor, name: string): void {
    if (this.#isBeingAdded(name) && !this.#book.isLeaving(name)) return
    this.#refuseBusy()
    refuseRemoval(group, name)
  }

  /**
   * Removes a standby and deletes its copy of the data, once no acknowledged commit depends on it (I1).
   * Throws OPERATION_FAILED.
   */
  async remove(group: GroupSupervisor, name: string, report: MembershipReport): Promise<void> {
    if (this.#isBeingAdded(name) && (await this.#cancel(group, name, report))) return
    const { tell, onChange } = this.#parts
    await this.#alone(async () => {
      refuseRemoval(group, name)
      await this.#book.noteLeaving(name)
      tell('node-leaving', group.name, name, `${name} leaves ${group.name}: it gets no more work.`)
      onChange()
      const left = await finishRemoval(this.#work, group, name, LET_GO_MS, report)
      if (left !== null) throw left
    })
  }

  /** Somebody waits for it to join. Nothing depends on it yet, so it can be taken back at any time. */
  #isBeingAdded(name: string): boolean {
    return this.#isBusy && this.#book.isJoining(name)
  }

  /** Has whoever adds a node take it back. False: it has joined meanwhile. */
  async #cancel(group: GroupSupervisor, name: string, report: MembershipReport): Promise<boolean> {
    await this.#book.noteUnwanted(name)
    if (!this.#book.isLeaving(name)) return false
    report(`Taking ${name} back`, null)
    await this.#waiting.until(Number.POSITIVE_INFINITY, () =>
      this.#isBusy && this.#book.isLeaving(name) ? 'it is still there' : null,
    )
    if (group.nodes.has(name))
      throw new HerdError('OPERATION_FAILED', `${name} could not be taken back: it is needed by now.`)
    return true
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
}
