import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import { expect } from 'vitest'
import type { Pool } from '../src/index.js'
import { until } from './scratch-herd.js'

/** What one writer has promised of its entries. */
interface Ledger {
  readonly writer: number
  readonly acknowledged: number[]
  readonly unknown: number[]
  /** What was said of those. */
  readonly said: string[]
  /** The furthest entry that was acknowledged, with a token of a session that saw this. */
  handed: { token: string; entry: number } | null
}

/** Writers and readers under `session` consistency, with all that went against their promises. */
export interface SessionLoad {
  readonly ledgers: readonly Ledger[]
  /** Reads that missed a write of their session, in words. */
  readonly stale: readonly string[]
  /** Errors that callers got, other than OUTCOME_UNKNOWN of a write. */
  readonly errors: readonly unknown[]
  /** Writes and reads that were answered. */
  readonly written: number
  readonly read: number
  /** The longest that one call took since this was last asked. */
  takeLongest(): { writeMs: number; readMs: number }
  /** Resolves when every writer and reader has had that many more answers. */
  more(count: number): Promise<void>
  stop(): Promise<void>
}

export const SESSION_LOAD_TABLE =
  'create table entries (writer int not null, entry int not null, note text); create index on entries (writer, entry)'

/**
 * Starts 4 writers, each of which reads what it wrote in a session of its own, and 8 readers: half of them
 * change a counter now and then and read it, the others go on with the writers' sessions in another pool,
 * by token. An entry is tried once only, so that one that is there twice was doubled by the client.
 */
export function startSessionLoad(pool: Pool, elsewhere: Pool, pauseMs = 2): SessionLoad {
  const stale: string[] = []
  const errors: unknown[] = []
  const counts = new Array(12).fill(0)
  let [stopped, written, read] = [false, 0, 0]
  let longest = { writeMs: 0, readMs: 0 }
  const ledgers = [0, 1, 2, 3].map(
    (writer): Ledger => ({ writer, acknowledged: [], unknown: [], said: [], handed: null }),
  )

  const timed = async <T>(what: 'writeMs' | 'readMs', run: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now()
    try {
      return await run()
    } finally {
      longest[what] = Math.max(longest[what], performance.now() - startedMs)
    }
  }
  const furthest = async (of: Pool, writer: number): Promise<number> => {
    const { rows } = await timed('readMs', () =>
      of.query('select coalesce(max(entry), 0) as entry from entries where writer = $1', [writer]),
    )
    read++
    return rows[0].entry
  }
  /** True when it was acknowledged, false when nobody knows. */
  const write = async (ledger: Ledger, entry: number, how: 'statement' | 'transaction'): Promise<boolean> => {
    const text = 'insert into entries values ($1, $2)'
    try {
      await timed('writeMs', () =>
        how === 'statement'
          ? pool.query(text, [ledger.writer, entry])
          : pool.transaction(
              async (tx) => {
                await tx.query('select 1')
                await tx.query(text, [ledger.writer, entry])
              },
              { retry: true },
            ),
      )
      ledger.acknowledged.push(entry)
      written++
      return true
    } catch (error) {
      if (!(error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN')) throw error
      ledger.unknown.push(entry)
      ledger.said.push(error.message)
      return false
    }
  }

  const writer = (ledger: Ledger, at: number): Promise<void> =>
    pool.session(async () => {
      for (let entry = 1; !stopped; entry++) {
        try {
          const known = await write(ledger, entry, entry % 4 === 0 ? 'transaction' : 'statement')
          const seen = await furthest(pool, ledger.writer)
          if (known && seen !== entry) stale.push(`writer ${ledger.writer} wrote ${entry} and read ${seen}`)
          if (known) ledger.handed = { token: await pool.sessionToken(), entry }
        } catch (error) {
          errors.push(error)
          await sleep(20)
        }
        counts[at]++
        await sleep(pauseMs)
      }
    })

  const counter = (id: number, at: number): Promise<void> =>
    pool.session(async () => {
      const ledger: Ledger = { writer: id, acknowledged: [], unknown: [], said: [], handed: null }
      for (let entry = 1; !stopped; ) {
        try {
          if (counts[at] % 5 === 0) await write(ledger, entry++, 'statement')
          const least = ledger.acknowledged.at(-1) ?? 0
          const seen = await furthest(pool, id)
          if (seen < least) stale.push(`reader ${id} wrote ${least} and read ${seen}`)
        } catch (error) {
          errors.push(error)
          await sleep(20)
        }
        counts[at]++
        await sleep(pauseMs)
      }
      ledgers.push(ledger)
    })

  const follower = async (of: number, at: number): Promise<void> => {
    while (!stopped) {
      const { handed } = ledgers[of] as Ledger
      try {
        if (handed !== null) {
          const seen = await elsewhere.session(() => furthest(elsewhere, of), handed.token)
          if (seen < handed.entry)
            stale.push(`a follower of writer ${of} knew of ${handed.entry} and read ${seen}`)
          counts[at]++
        }
      } catch (error) {
        errors.push(error)
        await sleep(20)
      }
      await sleep(pauseMs)
    }
  }

  const all = [0, 1, 2, 3].flatMap((at) => [
    writer(ledgers[at] as Ledger, at),
    counter(100 + at, 4 + at),
    follower(at, 8 + at),
  ])
  return {
    ledgers,
    stale,
    errors,
    get written() {
      return written
    },
    get read() {
      return read
    },
    takeLongest() {
      const taken = longest
      longest = { writeMs: 0, readMs: 0 }
      return taken
    },
    async more(count) {
      const from = [...counts]
      await until(`everybody has had ${count} more answers`, () =>
        counts.every((each, at) => each >= from[at] + count),
      )
    },
    async stop() {
      stopped = true
      await Promise.all(all)
    },
  }
}

/** Every acknowledged entry is there once, one of unknown outcome once or not at all, and nothing else. */
export function expectKept(
  { ledgers }: SessionLoad,
  rows: readonly { writer: number; entry: number; times: number }[],
): void {
  const there = new Map(rows.map(({ writer, entry, times }) => [`${writer}/${entry}`, times]))
  expect([...there].filter(([, times]) => times !== 1)).toEqual([])
  for (const { writer, acknowledged, unknown } of ledgers) {
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(acknowledged.filter((entry) => !there.delete(`${writer}/${entry}`))).toEqual([])
    for (const entry of unknown) there.delete(`${writer}/${entry}`)
  }
  expect([...there.keys()]).toEqual([])
}

export const KEPT_SQL = 'select writer, entry, count(*)::int as times from entries group by writer, entry'
