import { EventEmitter } from 'node:events'
import {
  ANY_NATURE,
  addressElsewhere,
  GroupNodes,
  GroupWatch,
  type NodeAddress,
  PoolNode,
  ReplayWatch,
  type Session,
  type Settings,
  SupervisorFeed,
  WriteStamper,
} from '@pgherd/client/internal'
import { HerdError, type Lsn } from '@pgherd/core'
import {
  chooseNode,
  type GroupEvent,
  type GroupView,
  type NodeChoice,
  whyNoPrimary,
} from '@pgherd/core/routing'
import pg from 'pg'
import type { ServerAddress } from './server/server-socket.js'

/** A node as `pg` reads its address. */
interface KnownNode extends ServerAddress {
  readonly user: string
  readonly password: string
  readonly database: string
}

interface LinkEvents {
  event: [GroupEvent]
  /** It is no node of this group any more. */
  gone: [node: string]
}

const NOTHING = (): void => {}

/** What the proxy knows of the herd, learnt over connections of its own. */
export class HerdLink extends EventEmitter<LinkEvents> {
  readonly settings: Settings
  readonly #nodes: GroupNodes
  readonly #watch: GroupWatch
  readonly #feed: SupervisorFeed | null
  readonly stamper: WriteStamper
  readonly #replay: ReplayWatch
  /** Those that went too: who chose one a moment ago may still want to know where it is. */
  readonly #known = new Map<string, KnownNode>()

  /** Of the group whose nodes `settings` has. */
  constructor(settings: Settings) {
    super()
    this.settings = settings
    const listener = {
      connected: async () => {},
      acquired: NOTHING,
      released: NOTHING,
      removed: NOTHING,
      lost: (node: PoolNode) => this.#watch.look(node),
    }
    this.#nodes = new GroupNodes(
      this.settings.addresses,
      (address) => {
        this.#known.set(address.name, this.#read(address))
        return new PoolNode(address, this.settings, { natureOf: () => ANY_NATURE }, listener)
      },
      (gone) => {
        this.#watch.nodesChanged()
        for (const { name } of gone) this.emit('gone', name)
      },
    )
    this.#watch = new GroupWatch('main', this.#nodes.byName, this.settings)
    this.#watch.on('event', (event) => this.emit('event', event))
    const { supervisor } = this.settings
    this.#feed =
      supervisor === null
        ? null
        : new SupervisorFeed(supervisor, {
            event: () => this.#watch.lookAround(),
            nodes: (groups) => this.#nodes.learn(groups),
          })
    this.stamper = new WriteStamper(
      () => (this.view.primary === null ? null : this.#nodeNamed(this.view.primary)),
      () => this.#standbys.length > 0,
      (lsn) => this.#replay.follow(lsn),
    )
    this.#replay = new ReplayWatch(
      () => this.#standbys,
      (node, lsn) => this.#watch.noteReplay(node.name, lsn),
    )
  }

  get #standbys(): PoolNode[] {
    return Object.values(this.view.nodes)
      .filter(({ role, state }) => role === 'standby' && state === 'in')
      .map(({ name }) => this.#nodeNamed(name) as PoolNode)
  }

  #nodeNamed(name: string): PoolNode | null {
    return this.#nodes.byName.get(name) ?? null
  }

  #read({ config }: NodeAddress): KnownNode {
    const client = new pg.Client({ ...this.settings.pool, ...config }) as unknown as KnownNode
    const { host, port, user, password, database, ssl, sslNegotiation } = client
    return { host, port, user, password, database, ssl, sslNegotiation } as KnownNode
  }

  /** Makes these its nodes. Of one that is there already nothing changes. */
  become(addresses: readonly NodeAddress[]): void {
    this.#nodes.become(addresses)
  }

  /** Whether it is a node of this group now. */
  has(node: string): boolean {
    return this.#nodes.byName.has(node)
  }

  get view(): GroupView {
    return this.#watch.view
  }

  /** To another group of the same herd: nodes as `host:port`, reached as those of this one are. */
  toOthers(nodes: readonly string[]): HerdLink {
    const [like] = this.settings.addresses
    if (like === undefined) throw new Error('there is no node')
    return new HerdLink({
      ...this.settings,
      addresses: nodes.map((node) => addressElsewhere(like, node)),
    })
  }

  /** Resolves when every node has been asked once. */
  start(): Promise<void> {
    this.#feed?.start()
    return this.#watch.whenSeen()
  }

  /** `turn`: of standbys that are as good, always the same one for the same number. */
  choose(role: 'primary' | 'standby', minLsn: Lsn, load: (node: string) => number, turn: number): NodeChoice {
    return chooseNode(this.view, { role, minLsn }, load, turn)
  }

  /** How far a standby must be for a session's reads to see its writes; null while nobody knows. */
  positionOf(session: Session): Lsn | null {
    return session.lsnCovering(session.writes)
  }

  /** Something speaks against what is believed of a node. */
  look(node: string): void {
    const known = this.#nodeNamed(node)
    if (known !== null) this.#watch.look(known)
  }

  waitForChange(wake: () => void): () => void {
    return this.#watch.waitForChange(wake)
  }

  get whyNoPrimary(): string {
    return whyNoPrimary(this.view)
  }

  addressOf(node: string): ServerAddress {
    return this.#known.get(node) as KnownNode
  }

  /** Users whose passwords stand in the nodes' addresses, and the database named there first. */
  get passwords(): Map<string, string> {
    return new Map([...this.#known.values()].map(({ user, password }) => [user, password]))
  }

  get database(): string {
    return ([...this.#known.values()][0] as KnownNode).database
  }

  /** A connection with the proxy's own credentials, to a database of the caller's choice. */
  async borrow<T>(
    role: 'primary' | 'standby',
    database: string,
    work: (client: pg.Client) => Promise<T>,
  ): Promise<T> {
    const choice = this.choose(role, 0, () => 0, 0)
    if (choice.kind !== 'node') throw new HerdError('NO_PRIMARY', this.whyNoPrimary)
    const { sslNegotiation, ...login } = this.#known.get(choice.node) as KnownNode
    const client = new pg.Client({
      ...login,
      ...(sslNegotiation === 'direct' ? { sslnegotiation: sslNegotiation } : {}),
      database,
      connectionTimeoutMillis: 5000,
      query_timeout: 10_000,
    })
    client.on('error', NOTHING)
    try {
      await client.connect()
      return await work(client)
    } finally {
      await client.end().catch(NOTHING)
    }
  }

  async close(): Promise<void> {
    this.#feed?.close()
    this.#watch.close()
    this.#replay.close()
    await this.#nodes.close()
  }
}
