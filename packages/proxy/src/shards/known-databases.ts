import type { KnownDatabase } from '../database-books.js'
import { DatabaseBooks } from '../database-books.js'
import type { HerdGroups } from './herd-groups.js'
import { ShardedDatabase } from './sharded-database.js'

/** What is known of each database that somebody has asked for, and of where its tables are. */
export class KnownDatabases {
  readonly #groups: HerdGroups
  readonly #books: DatabaseBooks
  readonly #noticed: (database: string) => void
  readonly #sharded = new Map<string, Promise<ShardedDatabase | null>>()

  /** `noticed`: a client here has changed what statements of a database are judged by. */
  constructor(groups: HerdGroups, noticed: (database: string) => void) {
    this.#groups = groups
    this.#noticed = noticed
    this.#books = new DatabaseBooks(groups.first.link, noticed)
  }

  /** Resolves when statements can be judged, and told where they go. */
  async of(database: string): Promise<KnownDatabase> {
    const book = await this.#books.of(database)
    return { book, sharded: book.isPlaced ? await this.#shardedOf(database) : null }
  }

  #shardedOf(database: string): Promise<ShardedDatabase | null> {
    let sharded = this.#sharded.get(database)
    if (sharded === undefined) {
      sharded = ShardedDatabase.open(database, this.#groups, () => this.#noticed(database))
      this.#sharded.set(database, sharded)
      const forget = (): void => {
        this.#sharded.delete(database)
      }
      // Its map may come later, and a shard that could not be asked may answer the next time.
      sharded.then((found) => found ?? forget(), forget)
    }
    return sharded
  }

  /** Reads catalogues again: of one database, or of all. */
  reread(database: string | null): void {
    this.#books.reread(database)
    for (const [name, sharded] of this.#sharded)
      if (database === null || name === database) sharded.then((found) => found?.reread()).catch(() => {})
  }

  touch(nowMs: number): void {
    this.#books.touch(nowMs)
    for (const sharded of this.#sharded.values()) sharded.then((found) => found?.touch(nowMs)).catch(() => {})
  }
}
