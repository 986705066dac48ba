import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { scratchHerd } from '../../../../test/scratch-herd.js'
import { WireProxy } from '../../src/index.js'
import { RawClient } from '../raw-client.js'

/** A group of one node at home and two shards of one each, by modulo. `tables`: those of the spec, as YAML. */
export function twoShards(tables: string): () => Promise<Herd> {
  return () =>
    scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding:
  strategy: modulo
  groups: [s1, s2]
  tables: ${tables}
`)
}

/** A proxy before a sharded herd, for the tests of one file. */
export class ShardedProxy {
  herd!: Herd
  proxy!: WireProxy
  readonly #clients: pg.Client[] = []
  readonly #raws: RawClient[] = []

  /**
   * Starts it before the tests of the file and ends it after them; what was opened in a test is closed after that.
   * `tables`: run one by one by a client of the proxy.
   */
  static before(
    openHerd: () => Promise<Herd>,
    tables: readonly string[] = [],
    maxServers = 20,
  ): ShardedProxy {
    const there = new ShardedProxy()
    beforeAll(async () => {
      there.herd = await openHerd()
      there.proxy = await WireProxy.start({ nodes: [there.dsnOf('home', 'superuser')], port: 0, maxServers })
      const client = await there.through()
      for (const text of tables) await client.query(text)
      await there.#closeClients()
    }, 180_000)
    afterEach(() => there.#closeClients())
    afterAll(() => there.proxy?.close())
    return there
  }

  async #closeClients(): Promise<void> {
    for (const raw of this.#raws.splice(0)) raw.end()
    await Promise.all(this.#clients.splice(0).map((client) => client.end().catch(() => {})))
  }

  /** Of the primary of a group. */
  dsnOf(group: string, role: 'application' | 'superuser' = 'application'): string {
    return this.herd.dsn(this.herd.primaryOf(group)?.name as string, role)
  }

  url(): string {
    const there = new URL(this.dsnOf('home'))
    there.port = String(this.proxy.address.port)
    return there.href
  }

  async open(dsn: string): Promise<pg.Client> {
    const client = new pg.Client(dsn)
    client.on('error', () => {})
    this.#clients.push(client)
    await client.connect()
    return client
  }

  through(): Promise<pg.Client> {
    return this.open(this.url())
  }

  async raw(): Promise<RawClient> {
    const client = await RawClient.open(this.url())
    this.#raws.push(client)
    return client
  }
}
