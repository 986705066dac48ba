import { addressElsewhere, type NodeAddress } from './node-addresses.js'
import type { PoolNode } from './pool-node.js'

/** A group as the supervisor tells of it, with the nodes that may be used: `host:port`. */
export interface ToldGroup {
  readonly name: string
  readonly nodes: readonly string[]
}

/** The nodes of one group, which may come and go. */
export class GroupNodes {
  readonly #like: NodeAddress
  readonly #open: (address: NodeAddress) => PoolNode
  readonly #changed: (gone: readonly PoolNode[]) => void
  readonly #nodes = new Map<string, PoolNode>()
  readonly #leaving = new Set<Promise<void>>()
  /** What the supervisor calls it, once that is known. */
  #toldName: string | null = null
  #isClosed = false

  /**
   * `changed` is called when `byName` is another one already, and before those that went are closed. A node that
   * comes is reached with the login of the first of `addresses`.
   */
  constructor(
    addresses: readonly NodeAddress[],
    open: (address: NodeAddress) => PoolNode,
    changed: (gone: readonly PoolNode[]) => void,
  ) {
    this.#like = addresses[0] as NodeAddress
    this.#open = open
    this.#changed = changed
    for (const address of addresses) this.#nodes.set(address.name, open(address))
  }

  get byName(): ReadonlyMap<string, PoolNode> {
    return this.#nodes
  }

  /** Takes over what the supervisor says of this group, which it knows again by its nodes. */
  learn(groups: readonly ToldGroup[]): void {
    const told = groups.find(({ name }) => name === this.#toldName) ?? this.#mostAlike(groups)
    if (told === null || told.nodes.length === 0) return
    this.#toldName = told.name
    this.become(told.nodes.map((name) => addressElsewhere(this.#like, name)))
  }

  /** Null: nobody speaks of any of these nodes. */
  #mostAlike(groups: readonly ToldGroup[]): ToldGroup | null {
    let best: ToldGroup | null = null
    let most = 0
    for (const group of groups) {
      const shared = group.nodes.filter((name) => this.#nodes.has(name)).length
      if (shared > most) [best, most] = [group, shared]
    }
    return best
  }

  /** Makes these its nodes. Of one that is there already nothing changes. */
  become(addresses: readonly NodeAddress[]): void {
    if (this.#isClosed) return
    const wanted = new Set(addresses.map(({ name }) => name))
    const gone = [...this.#nodes.values()].filter(({ name }) => !wanted.has(name))
    const come = addresses.filter(({ name }) => !this.#nodes.has(name))
    if (gone.length + come.length === 0) return
    for (const { name } of gone) this.#nodes.delete(name)
    for (const address of come) this.#nodes.set(address.name, this.#open(address))
    this.#changed(gone)
    for (const node of gone) {
      const left = node.letGo().then(() => void this.#leaving.delete(left))
      this.#leaving.add(left)
    }
  }

  /** Resolves when no node has a connection any more, those that went before included. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#leaving, ...[...this.#nodes.values()].map((node) => node.close())])
  }
}
