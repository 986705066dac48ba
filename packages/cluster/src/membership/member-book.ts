import type { GroupSpec } from '@pgherd/core/spec'
import { choosePortsForMore } from '../choose-ports.js'
import { nodesOf } from '../herd-nodes.js'
import { type HerdIdentity, membersOf, writeIdentity } from '../state/herd-identity.js'
import type { Node } from '../supervisor/node.js'
import { refuseTooMany } from './refuse-too-many.js'

type Change = (identity: HerdIdentity) => Partial<HerdIdentity>

/** Which nodes a herd has, is getting and is letting go, as it is written on the disk. */
export class MemberBook {
  readonly #path: string
  #identity: HerdIdentity
  #lastWrite: Promise<void> = Promise.resolve()
  /** Grows with every change. */
  version = 0

  constructor(path: string, identity: HerdIdentity) {
    this.#path = path
    this.#identity = identity
  }

  get joining(): readonly string[] {
    return this.#identity.joining ?? []
  }

  get leaving(): readonly string[] {
    return this.#identity.leaving ?? []
  }

  isJoining(name: string): boolean {
    return this.joining.includes(name)
  }

  isLeaving(name: string): boolean {
    return this.leaving.includes(name)
  }

  nodeNamed(name: string): Node {
    return nodesOf(this.#identity).find((node) => node.name === name) as Node
  }

  /** Those of a group that clients are to use. `primary` is one of them, whatever was meant to become of it. */
  serving(group: string, primary: string | undefined): Node[] {
    return nodesOf(this.#identity)
      .filter((node) => node.group === group)
      .filter(({ name }) => name === primary || !(this.isJoining(name) || this.isLeaving(name)))
  }

  /** What `count` more would be called. Throws OPERATION_FAILED when there would be too many. */
  namesForMore(group: string, count: number): string[] {
    const { spec } = this.#identity
    const present = this.#membersOf(this.#identity, group)
    refuseTooMany(spec, this.#specOf(group), present.length, count)
    const last = Math.max(...present.map((name) => Number(name.slice(group.length + 1))))
    return Array.from({ length: count }, (_, at) => `${group}-${last + 1 + at}`)
  }

  /** Throws PORT_TAKEN. */
  async enter(group: string, names: readonly string[]): Promise<void> {
    const fresh = await choosePortsForMore(this.#identity, names)
    await this.#write((identity) => ({
      members: { ...identity.members, [group]: [...this.#membersOf(identity, group), ...names] },
      joining: [...(identity.joining ?? []), ...names],
      ports: { ...identity.ports, ...fresh },
    }))
  }

  /** It is one of its group from now on, unless somebody has said meanwhile that it is to leave. */
  noteJoined(name: string): Promise<void> {
    return this.#write(({ joining = [], leaving = [] }) =>
      leaving.includes(name) ? {} : { joining: without(joining, name) },
    )
  }

  noteLeaving(name: string): Promise<void> {
    return this.#write(({ leaving = [] }) => ({ leaving: [...without(leaving, name), name] }))
  }

  /** The same, unless it has joined meanwhile. */
  noteUnwanted(name: string): Promise<void> {
    return this.#write(({ joining = [], leaving = [] }) =>
      joining.includes(name) ? { leaving: [...without(leaving, name), name] } : {},
    )
  }

  /** It is needed: it stays. */
  noteStaying(name: string): Promise<void> {
    return this.#write(({ joining = [], leaving = [] }) => ({
      joining: without(joining, name),
      leaving: without(leaving, name),
    }))
  }

  strike(group: string, name: string): Promise<void> {
    return this.#write((identity) => {
      const { members = {}, ports, leaving = [], joining = [] } = identity
      const { [name]: _, ...others } = ports
      return {
        members: { ...members, [group]: without(this.#membersOf(identity, group), name) },
        ports: others,
        leaving: without(leaving, name),
        joining: without(joining, name),
      }
    })
  }

  /** One after the other: each goes by what the one before has written. */
  #write(change: Change): Promise<void> {
    const written = this.#lastWrite.then(async () => {
      const changed = { ...this.#identity, ...change(this.#identity) }
      await writeIdentity(this.#path, changed)
      this.#identity = changed
      this.version++
    })
    this.#lastWrite = written.catch(() => {})
    return written
  }

  #membersOf(identity: HerdIdentity, group: string): string[] {
    return membersOf(identity, this.#specOf(group))
  }

  #specOf(group: string): GroupSpec {
    return this.#identity.spec.groups.find(({ name }) => name === group) as GroupSpec
  }
}

function without(names: readonly string[], name: string): string[] {
  return names.filter((each) => each !== name)
}
