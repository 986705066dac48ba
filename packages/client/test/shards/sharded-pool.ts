import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

export interface ShardedPoolOptions {
  /** How many shards there are: `s1`, `s2` and so on, beside `home`. */
  readonly shards?: number
  /** Lines of the section `sharding`, indented by two. */
  readonly placement: string
  /** Lines of the spec at its top. */
  readonly more?: string
}

/** A herd of home and some shards, of a node each, with a pool; for as long as a test file. */
export class ShardedPool {
  readonly herd: Herd
  readonly pool: Pool
  readonly shards: readonly string[]
  #oracle: pg.Client | null = null

  private constructor(herd: Herd, shards: readonly string[]) {
    this.herd = herd
    this.shards = shards
    this.pool = createPool({ nodes: [this.dsnOf('home')] })
  }

  static async open({ shards: count = 3, placement, more = '' }: ShardedPoolOptions): Promise<ShardedPool> {
    const shards = Array.from({ length: count }, (_, at) => `s${at + 1}`)
    const herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: ${count}, nodes: 1 }
sharding:
  groups: [${shards.join(', ')}]
${placement}
${more}`)
    return new ShardedPool(herd, shards)
  }

  dsnOf(group: string, role: 'application' | 'superuser' = 'application'): string {
    return this.herd.dsn(this.herd.primaryOf(group)?.name as string, role)
  }

  /** What each shard has, asked behind the pool's back. */
  async onEach(text: string): Promise<Record<string, unknown>[][]> {
    return Promise.all(
      this.shards.map(async (shard) => (await (await connect(this.dsnOf(shard))).query(text)).rows),
    )
  }

  async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect()
    try {
      return await work(client)
    } finally {
      client.release()
    }
  }

  /** One database beside the herd's, to be asked the same. */
  async openOracle(): Promise<pg.Client> {
    const admin = await connect(this.dsnOf('home', 'superuser'))
    await admin.query('create database oracle owner app template template0')
    const there = new URL(this.dsnOf('home'))
    there.pathname = '/oracle'
    this.#oracle = new pg.Client(there.href)
    await this.#oracle.connect()
    return this.#oracle
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.#oracle?.end()])
  }
}
