import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect } from 'vitest'
import type { Herd } from '../../src/index.js'
import { connect, primaryName } from './scratch-herds.js'

const TABLE = 'written'
const STATEMENT_MS = 8000
/** Over all writers of a test file. */
let next = 1

/** Clients that insert numbers, each number once, and remember which were acknowledged. */
export interface Writers {
  acknowledged: ReadonlySet<number>
  /** The longest time in which no insert of any writer was acknowledged. */
  longestPauseMs(): number
  /** Resolves when that many more inserts were acknowledged. */
  more(count: number, patienceMs?: number): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts writers on whatever node is primary. No number is ever tried again, so one that is there twice
 * was doubled by the herd. `herd` may be another object later: a supervisor that took over.
 */
export async function startWriters(herd: Herd, count = 4): Promise<Writers> {
  const setup = await connect(herd.dsn(primaryName(herd)))
  await setup.query(`create table if not exists ${TABLE} (id bigint not null)`)
  await setup.end()
  const addresses = herd.spec.groups.flatMap((group) =>
    Array.from({ length: group.nodes }, (_, index) => herd.dsn(`${group.name}-${index + 1}`)),
  )
  const acknowledged = new Set<number>()
  let [stopped, lastMs, pauseMs] = [false, performance.now(), 0]
  const write = async (): Promise<void> => {
    let client: pg.Client | null = null
    while (!stopped) {
      const id = next++
      try {
        client ??= await findPrimary(addresses, () => stopped)
        if (client === null) return
        await client.query(`insert into ${TABLE} values ($1)`, [id])
        acknowledged.add(id)
        pauseMs = Math.max(pauseMs, performance.now() - lastMs)
        lastMs = performance.now()
        await sleep(2)
      } catch {
        drop(client)
        client = null
      }
    }
    drop(client)
  }
  const all = Array.from({ length: count }, write)
  const writers: Writers = {
    acknowledged,
    longestPauseMs: () => Math.max(pauseMs, performance.now() - lastMs),
    async more(wanted, patienceMs = 60_000) {
      const [from, deadline] = [acknowledged.size, performance.now() + patienceMs]
      while (acknowledged.size < from + wanted) {
        if (performance.now() > deadline) throw new Error(`Writes stand still after ${acknowledged.size}`)
        await sleep(10)
      }
    },
    async stop() {
      stopped = true
      await Promise.all(all)
    },
  }
  await writers.more(20)
  pauseMs = 0
  return writers
}

async function findPrimary(
  addresses: readonly string[],
  isStopped: () => boolean,
): Promise<pg.Client | null> {
  while (!isStopped()) {
    for (const connectionString of addresses) {
      const client = new pg.Client({
        connectionString,
        connectionTimeoutMillis: 1000,
        query_timeout: STATEMENT_MS,
      })
      client.on('error', () => {})
      try {
        await client.connect()
        const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
        if (rows[0]?.standby === false) return client
      } catch {
        // Not there, or not a primary: the next one.
      }
      drop(client)
    }
    await sleep(10)
  }
  return null
}

function drop(client: pg.Client | null): void {
  if (client === null) return
  client.end().catch(() => {})
  ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
}

/** I1: every acknowledged insert is on the node, and none is there twice. */
export async function expectNothingLost(
  herd: Herd,
  writers: Writers,
  node = herd.primaryOf()?.name,
): Promise<void> {
  const client = await connect(herd.dsn(node ?? null, 'superuser'))
  const { rows } = await client.query<{ id: string; times: number }>(
    `select id, count(*)::int as times from ${TABLE} group by id`,
  )
  await client.end()
  const there = new Map(rows.map((row) => [Number(row.id), row.times]))
  expect([...writers.acknowledged].filter((id) => !there.has(id))).toEqual([])
  expect([...there].filter(([, times]) => times !== 1)).toEqual([])
  expect(there.size).toBeGreaterThan(0)
}
