import { CATALOGUE_SQL, type Catalogue, type CatalogueRow, readCatalogue } from '@pgherd/core/sql'
import type pg from 'pg'

/** How often a catalogue is loaded again because of names that are not in it. */
const AGAIN_MS = 1000
/** What others may have created meanwhile: until then a statement is judged by what was there. */
const STALE_MS = 60_000

type Borrow = <T>(work: (client: pg.Client) => Promise<T>, role: 'primary' | 'standby') => Promise<T>

/** Keeps what the server has under its names. `load` borrows a connection for one query. */
export class CatalogueLoader {
  readonly #borrow: Borrow
  readonly #use: (catalogue: Catalogue) => void
  #loading: Promise<void> | null = null
  #loadedAtMs = Number.NEGATIVE_INFINITY

  constructor(borrow: Borrow, use: (catalogue: Catalogue) => void) {
    this.#borrow = borrow
    this.#use = use
  }

  /** Loads it unless that is under way. */
  load(): Promise<void> {
    this.#loading ??= this.#load('standby').finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  /** Loads what has been changed a moment ago: on the primary, and not before now. */
  loadAnew(): Promise<void> {
    const before = this.#loading
    const loading = Promise.resolve(before)
      .catch(() => {})
      .then(() => this.#load('primary'))
      .finally(() => {
        if (this.#loading === loading) this.#loading = null
      })
    this.#loading = loading
    return loading
  }

  async #load(role: 'primary' | 'standby'): Promise<void> {
    const rows = await this.#borrow(loadRows, role)
    this.#loadedAtMs = performance.now()
    this.#use(readCatalogue(rows))
  }

  /** A name was not there: it may have been created since. */
  missed(): void {
    this.#refreshAfter(AGAIN_MS)
  }

  /** Called now and then: what is old is loaded again in the background. */
  touch(nowMs: number): void {
    if (nowMs - this.#loadedAtMs > STALE_MS) this.#refreshAfter(STALE_MS)
  }

  #refreshAfter(ageMs: number): void {
    if (this.#loading !== null || performance.now() - this.#loadedAtMs < ageMs) return
    // Not loaded this time: what is there stays in use, and the next miss tries again.
    this.load().catch(() => {})
  }
}

/** In a transaction only for the setting: compiling this query would take a hundred times as long as running it. */
async function loadRows(client: pg.Client): Promise<CatalogueRow[]> {
  await client.query('BEGIN READ ONLY')
  await client.query('SET LOCAL jit = off')
  const { rows } = await client.query<CatalogueRow>(CATALOGUE_SQL)
  await client.query('COMMIT')
  return rows
}

/** As it is to a transaction that is open on that client, and goes on as it was. */
export async function fetchCatalogueWithin(client: pg.ClientBase): Promise<Catalogue> {
  await client.query('SAVEPOINT pgherd_look')
  await client.query('SET LOCAL jit = off')
  const { rows } = await client.query<CatalogueRow>(CATALOGUE_SQL)
  await client.query('ROLLBACK TO SAVEPOINT pgherd_look')
  await client.query('RELEASE SAVEPOINT pgherd_look')
  return readCatalogue(rows)
}
