import { DatabaseBook } from './database-book.js'
import type { HerdLink } from './herd-link.js'
import type { ShardedDatabase } from './shards/sharded-database.js'

/** A database as those who log in to it get to know it. */
export interface KnownDatabase {
  readonly book: DatabaseBook
  /** Null: all of it is in one group. */
  readonly sharded: ShardedDatabase | null
}

/** What is known of each database that somebody has asked for. */
export class DatabaseBooks {
  readonly #link: HerdLink
  readonly #noticed: (database: string) => void
  readonly #books = new Map<string, DatabaseBook>()

  /** `noticed`: a client here has changed what statements of a database are judged by. */
  constructor(link: HerdLink, noticed: (database: string) => void) {
    this.#link = link
    this.#noticed = noticed
  }

  /** Resolves when statements can be judged. */
  async of(database: string): Promise<DatabaseBook> {
    let book = this.#books.get(database)
    if (book === undefined) {
      book = new DatabaseBook(this.#link, database, () => this.#noticed(database))
      this.#books.set(database, book)
    }
    await book.ready()
    return book
  }

  /** Reads catalogues again: of one database, or of all. */
  reread(database: string | null): void {
    for (const [name, book] of this.#books) if (database === null || name === database) void book.reread()
  }

  touch(nowMs: number): void {
    for (const book of this.#books.values()) book.touch(nowMs)
  }
}
