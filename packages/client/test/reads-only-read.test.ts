import type { Herd } from '@pgherd/cluster'
import {
  CATALOGUE_SQL,
  type Catalogue,
  type Judgement,
  judgeStatement,
  loadParser,
  readCatalogue,
  readFacts,
} from '@pgherd/core/sql'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { RandomStatement, SCHEMA_SQL } from './random-statement.js'
import { connect, scratchHerd, until } from './scratch-herd.js'

const STATEMENTS = 4000
const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)

/** What a server says to a statement that writes, or wants what only a primary has. */
const NOT_A_READ: ReadonlySet<string> = new Set(['25006', '55000', '0A000'])

let herd: Herd
let catalogue: Catalogue
const judged: { text: string; judgement: Judgement }[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 2 }]')
  await loadParser()
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query(SCHEMA_SQL)
  catalogue = readCatalogue((await admin.query(CATALOGUE_SQL)).rows)
  const chance = new RandomStatement(SEED)
  for (let at = 0; at < STATEMENTS; at++) {
    const text = chance.statement()
    judged.push({ text, judgement: judgeStatement(readFacts(text), catalogue) })
  }
  const replica = await connect(herd.dsn('main-2', 'superuser'))
  await until('the standby has the schema', async () => {
    const { rows } = await replica.query("select to_regclass('last_made') is not null as there")
    return rows[0].there
  })
}, 120_000)

/** SQLSTATE of what a statement ends in, or null; a text of its own, by the protocol that says so. */
async function stateOf(client: pg.Client, text: string): Promise<string | null> {
  try {
    const query = new pg.Query({ text, queryMode: 'extended' } as pg.QueryConfig)
    await new Promise<void>((resolve, reject) => {
      Object.assign(query, { callback: (error: Error | null) => (error ? reject(error) : resolve()) })
      client.query(query)
    })
    return null
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

test('what is judged a read succeeds in a read-only transaction and on a standby', {
  timeout: 120_000,
}, async () => {
  const primary = await connect(herd.dsn('main-1', 'superuser'))
  const standby = await connect(herd.dsn('main-2', 'superuser'))
  for (const client of [primary, standby]) await client.query("set statement_timeout = '5s'")
  const reads = judged.filter(({ judgement }) => judgement.reads)
  const wrong: string[] = []
  let answered = 0
  for (const { text } of reads) {
    await primary.query('begin read only')
    const state = await stateOf(primary, text)
    await primary.query('rollback')
    if (NOT_A_READ.has(state ?? '')) wrong.push(`${state} in a read-only transaction: ${text}`)
    await standby.query('begin')
    const there = await stateOf(standby, text)
    await standby.query('rollback')
    if (NOT_A_READ.has(there ?? '')) wrong.push(`${there} on a standby: ${text}`)
    if (state === null) answered++
    // Either is an answer; that they differ would be felt.
    expect([text, there]).toEqual([text, state])
  }
  expect(wrong).toEqual([])
  expect(reads.length).toBeGreaterThan(STATEMENTS / 4)
  expect(answered).toBeGreaterThan(reads.length / 2)
})

test('what writes when it is run is never judged a read', { timeout: 120_000 }, async () => {
  const primary = await connect(herd.dsn('main-1', 'superuser'))
  await primary.query("set statement_timeout = '5s'")
  const others = judged.filter(({ judgement }) => !judgement.reads)
  let writes = 0
  for (const { text } of others) {
    await primary.query('begin read only')
    if ((await stateOf(primary, text)) === '25006') writes++
    await primary.query('rollback')
  }
  // As many as that would be found out if they were judged wrongly.
  expect(writes).toBeGreaterThan(STATEMENTS / 10)
})

// What `lastval` gives is left out: whoever asks for it has a connection that was somebody's before.
const SESSION_SQL = `select
  (select jsonb_object_agg(name, setting) from pg_settings where source = 'session') as settings,
  (select count(*)::int from pg_prepared_statements) as prepared,
  (select count(*)::int from pg_cursors where name <> '') as cursors,
  (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  (select count(*)::int from pg_listening_channels()) as channels,
  (select count(*)::int from pg_class where relnamespace = pg_my_temp_schema()) as temporary,
  current_user as role`

test('I6: what is judged fit for a shared connection leaves nothing in it', {
  timeout: 120_000,
}, async () => {
  const client = await connect(herd.dsn('main-1', 'superuser'))
  await client.query("set statement_timeout = '5s'")
  const before = (await client.query(SESSION_SQL)).rows
  const shared = judged.filter(({ judgement }) => judgement.shared)
  const traced: string[] = []
  const look = async (texts: readonly string[]): Promise<void> => {
    const { rows } = await client.query(SESSION_SQL)
    if (JSON.stringify(rows) === JSON.stringify(before)) return
    traced.push(...texts)
  }
  for (let at = 0; at < shared.length && traced.length === 0; at += 20) {
    const some = shared.slice(at, at + 20).map(({ text }) => text)
    for (const text of some) await stateOf(client, text)
    await look(some)
  }
  expect(traced).toEqual([])
  expect(shared.length).toBeGreaterThan(STATEMENTS / 8)
})

// An aggregate is as volatile as the functions it is made of, whatever its own row in pg_proc says.
test('an aggregate of your own that writes is no read', () => {
  expect(judgeStatement(readFacts('select add_loudly(id) from plain'), catalogue).reads).toBe(false)
})
