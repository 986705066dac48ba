import { type Catalogue, federationCatalogue, StatementReader } from '@pgherd/core/sql'
import type pg from 'pg'
import { CatalogueLoader } from './catalogue-loader.js'
import { StatementBook } from './statement-book.js'

/** Lends a connection for a query of our own. */
export type Borrow = <T>(work: (client: pg.Client) => Promise<T>, role: 'primary' | 'standby') => Promise<T>

/** What is known of the statements of one database: what they are, and what its catalogue says of their names. */
export class StatementKnowledge {
  readonly book: StatementBook
  readonly loader: CatalogueLoader
  #catalogue: Catalogue | null = null

  /** `isFederation`: its foreign tables are those of the herd's own groups, which can only be read there. */
  constructor(group: string, borrow: Borrow, isFederation = false) {
    this.book = new StatementBook(new StatementReader({ maxCachedTextLength: 0 }), group)
    this.loader = new CatalogueLoader(borrow, (found) => {
      const catalogue = isFederation ? federationCatalogue(found) : found
      this.#catalogue = catalogue
      this.book.useCatalogue(catalogue)
    })
  }

  /** Once it has been loaded. */
  get catalogue(): Catalogue {
    if (this.#catalogue === null) throw new Error('the catalogue has not been loaded yet')
    return this.#catalogue
  }
}
