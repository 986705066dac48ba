import type pg from 'pg'

/** Ids that are asked for at once. */
const BATCH = 64
/** Older ones are thrown away: ids are to rise with time, as far as clocks agree. */
const STALE_MS = 1000

/** Hands out ids that are unique over all groups: `pgherd.next_id()`, some at a time. */
export class IdSource {
  readonly #borrow: (work: (client: pg.Client) => Promise<bigint[]>) => Promise<bigint[]>
  #ids: bigint[] = []
  #drawnAtMs = 0
  #drawing: Promise<void> | null = null

  /** `borrow` lends a connection to a primary. */
  constructor(borrow: (work: (client: pg.Client) => Promise<bigint[]>) => Promise<bigint[]>) {
    this.#borrow = borrow
  }

  async next(): Promise<bigint> {
    for (;;) {
      if (performance.now() - this.#drawnAtMs > STALE_MS) this.#ids = []
      const id = this.#ids.pop()
      if (id !== undefined) return id
      this.#drawing ??= this.#draw().finally(() => {
        this.#drawing = null
      })
      await this.#drawing
    }
  }

  async #draw(): Promise<void> {
    const ids = await this.#borrow(async (client) => {
      const { rows } = await client.query<{ id: string }>(
        'select pgherd.next_id()::text as id from generate_series(1, $1)',
        [BATCH],
      )
      return rows.map(({ id }) => BigInt(id))
    })
    this.#ids = ids.reverse()
    this.#drawnAtMs = performance.now()
  }
}
