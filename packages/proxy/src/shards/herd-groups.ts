import type { GroupEvent } from '@pgherd/core/routing'
import type { HerdLink } from '../herd-link.js'
import type { PoolFacts } from '../proxy-facts.js'
import type { ServerFacts, TenantLimits } from '../server/tenant.js'
import { Tenants } from '../tenants.js'

/** A group of the herd: what is known of its nodes, and the connections to them. */
export interface ProxyGroup {
  readonly link: HerdLink
  readonly tenants: Tenants
}

/** The groups that clients have to do with: the one whose nodes were named, and those that a shard map names. */
export class HerdGroups {
  readonly first: ProxyGroup
  readonly #limits: TenantLimits
  readonly #heed: (event: GroupEvent) => void
  readonly #others = new Map<string, Promise<ProxyGroup>>()
  readonly #opened: ProxyGroup[] = []
  #closed = false

  /** `limits` may be changed in place; `heed` hears what happens in any of them. */
  constructor(link: HerdLink, limits: TenantLimits, heed: (event: GroupEvent) => void) {
    this.first = { link, tenants: new Tenants(link, limits) }
    this.#limits = limits
    this.#heed = heed
    this.#watch(this.first)
  }

  #watch({ link, tenants }: ProxyGroup): void {
    link.on('event', (event) => {
      const { kind, node, from } = event
      if (kind === 'node-out') tenants.cutOff(node, 'lanes')
      if (kind === 'failover' && from && link.view.nodes[from]?.state === 'out') tenants.cutOff(from, 'all')
      this.#heed(event)
    })
    link.on('gone', (node) => tenants.letGo(node))
  }

  get all(): readonly ProxyGroup[] {
    return [this.first, ...this.#opened]
  }

  /** Resolves when each of its nodes has been asked once. `nodes`: as `host:port`. */
  open(name: string, nodes: readonly string[]): Promise<ProxyGroup> {
    let group = this.#others.get(name)
    if (group === undefined) {
      group = this.#open(nodes)
      this.#others.set(name, group)
      group.catch(() => this.#others.delete(name))
    }
    return group
  }

  async #open(nodes: readonly string[]): Promise<ProxyGroup> {
    const link = this.first.link.toOthers(nodes)
    const group = { link, tenants: new Tenants(link, this.#limits) }
    this.#watch(group)
    this.#opened.push(group)
    await link.start()
    if (this.#closed) await link.close()
    return group
  }

  get servers(): ServerFacts[] {
    return this.all.flatMap(({ tenants }) => tenants.servers)
  }

  get pools(): PoolFacts[] {
    return this.all.flatMap(({ tenants }) => tenants.pools)
  }

  /** Replaces connections to servers, each as soon as nobody uses it. */
  reconnect(database: string | null): void {
    for (const { tenants } of this.all) tenants.reconnect(database)
  }

  sweep(sinceMs: number): void {
    for (const { tenants } of this.all) tenants.sweep(sinceMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { tenants } of this.all) tenants.close()
    await Promise.all(this.all.map(({ link }) => link.close()))
  }
}
