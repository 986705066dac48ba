import { CatalogueLoader, StatementBook, type StatementRecord } from '@pgherd/client/internal'
import { type Catalogue, federationCatalogue, loadParser, StatementReader } from '@pgherd/core/sql'
import type pg from 'pg'
import type { HerdLink } from './herd-link.js'

/** How often the catalogue is read again because of names that are not in it. */
const AGAIN_MS = 1000

/** What is known of the statements of one database, and of what their names mean there. */
export class DatabaseBook {
  readonly #book = new StatementBook(new StatementReader({ maxCachedTextLength: 0 }), 'main')
  readonly #loader: CatalogueLoader
  readonly #noticed: () => void
  /** Its tables may be spread over the groups of a herd. */
  #isPlaced = false
  #catalogue: Catalogue | null = null
  #loading: Promise<void> | null = null
  #loadedAtMs = Number.NEGATIVE_INFINITY

  /**
   * `noticed`: a client of this process has changed the catalogue. `isFederation`: its foreign tables are those of
   * the herd's own groups, which can only be read there.
   */
  constructor(
    link: Pick<HerdLink, 'borrow'>,
    database: string,
    noticed: () => void = () => {},
    isFederation = false,
  ) {
    this.#noticed = noticed
    this.#loader = new CatalogueLoader(
      (work, role) =>
        link.borrow(role, database, async (client) => {
          this.#isPlaced = await hasPlacement(client)
          return work(client)
        }),
      (catalogue) => {
        this.#loadedAtMs = performance.now()
        this.#catalogue = catalogue
        this.#book.useCatalogue(isFederation ? federationCatalogue(catalogue) : catalogue)
      },
    )
  }

  /** Resolves when statements can be judged. */
  async ready(): Promise<void> {
    await loadParser()
    if (!this.#book.ready) await this.#load(this.#loader.load())
  }

  /** Until it resolves nothing is to be judged: the catalogue has changed. Never rejects; null: go on. */
  get loading(): Promise<void> | null {
    return this.#loading
  }

  look(text: string): StatementRecord {
    return this.#book.look(text)
  }

  /** Where its rows belong stands in `pgherd.placement`. */
  get isPlaced(): boolean {
    return this.#isPlaced
  }

  /** Must be `ready`. */
  get catalogue(): Catalogue {
    if (this.#catalogue === null) throw new Error('the catalogue has not been loaded yet')
    return this.#catalogue
  }

  /** A client has changed something that statements are judged by. */
  changed(): void {
    void this.reread()
    this.#noticed()
  }

  /** Somebody else has. */
  reread(): Promise<void> {
    return this.#load(this.#loader.loadAnew())
  }

  /** Names were met that are not in the catalogue: true when it is read again, so that it is worth waiting. */
  missed(): boolean {
    if (performance.now() - this.#loadedAtMs < AGAIN_MS) return false
    if (this.#loading === null) void this.#load(this.#loader.load())
    return true
  }

  /** Called now and then: what others have changed is noticed in the background. */
  touch(nowMs: number): void {
    this.#loader.touch(nowMs)
  }

  #load(loaded: Promise<void>): Promise<void> {
    const loading = loaded
      // Not this time: it is judged by what was there, and the next change or miss tries again.
      .catch(() => {})
      .then(() => {
        if (this.#loading === loading) this.#loading = null
      })
    this.#loading = loading
    return loading
  }
}

async function hasPlacement(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`select to_regclass('pgherd.placement') is not null as placed`)
  return rows[0].placed === true
}

/** It was judged without knowing all of its names. */
export function isUnknown({ judgement }: StatementRecord): boolean {
  return judgement.why?.endsWith('is not known') === true
}

/** It changes what statements are judged by. */
export function changesCatalogue({ facts }: StatementRecord): boolean {
  return !JUDGED_BY_THE_SAME.has(facts.kind)
}

const JUDGED_BY_THE_SAME: ReadonlySet<string> = new Set([
  'read',
  'write',
  'transaction',
  'session',
  'empty',
  'copy',
])
