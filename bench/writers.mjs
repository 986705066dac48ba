import pg from 'pg'

/**
 * Callers that insert one numbered row after the other, each on its own connection, and remember what
 * was acknowledged. A statement that was cut off is never repeated: its number is skipped.
 */
export class Writers {
  #herd
  #stopped = false
  #loops = []
  acknowledged = []
  /** When each acknowledgement came, on the monotonic clock. */
  acknowledgedAtMs = []
  errors = 0

  constructor(herd, count) {
    this.#herd = herd
    this.#loops = Array.from({ length: count }, (_, writer) => this.#write(writer))
  }

  async stop() {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  /** The first acknowledgement after this moment. */
  async nextAfter(atMs, timeoutMs = 20_000) {
    const from = this.acknowledgedAtMs.length
    for (;;) {
      const found = this.acknowledgedAtMs.slice(Math.max(0, from - 100)).find((each) => each > atMs)
      if (found !== undefined) return found
      if (performance.now() - atMs > timeoutMs) throw new Error('no write was acknowledged in time')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async #write(writer) {
    let client = null
    for (let number = 0; !this.#stopped; number++) {
      client ??= await this.#connect()
      if (client === null) break
      try {
        await client.query({
          name: 'write',
          text: 'insert into written (writer, number) values ($1, $2)',
          values: [writer, number],
        })
        this.acknowledged.push(`${writer} ${number}`)
        this.acknowledgedAtMs.push(performance.now())
      } catch {
        this.errors++
        client.end().catch(() => {})
        client = null
      }
    }
    await client?.end().catch(() => {})
  }

  /** Asks the supervisor who is primary, as an application that listens to it would, until it can connect. */
  async #connect() {
    while (!this.#stopped) {
      const primary = this.#herd.primaryOf()
      const client = new pg.Client({
        connectionString: this.#herd.dsn(primary.name),
        connectionTimeoutMillis: 2000,
      })
      client.on('error', () => {})
      try {
        await client.connect()
        const { rows } = await client.query('select pg_is_in_recovery() as standby')
        if (!rows[0].standby) return client
      } catch {
        // Not there yet.
      }
      client.end().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return null
  }
}

export const WRITTEN_TABLE = 'create table if not exists written (writer int, number int)'

/** What became of the acknowledged writes. */
export async function account(herd, writers) {
  const client = new pg.Client({ connectionString: herd.dsn(herd.primaryOf().name) })
  await client.connect()
  const { rows } = await client.query('select writer, number from written')
  await client.end()
  const found = new Map()
  for (const { writer, number } of rows)
    found.set(`${writer} ${number}`, (found.get(`${writer} ${number}`) ?? 0) + 1)
  return {
    acknowledged: writers.acknowledged.length,
    lost: writers.acknowledged.filter((key) => !found.has(key)).length,
    duplicates: [...found.values()].filter((count) => count > 1).length,
  }
}
