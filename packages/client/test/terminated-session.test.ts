import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { failureOf } from './failure-of.js'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]
/** The superuser on the primary. */
let admin: pg.Client

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const setup = await connect(herd.dsn('main-1'))
  await setup.query(`create table notes (note text not null);
    create function slow_note(note text, seconds float8) returns text language plpgsql volatile as
      $$ begin perform pg_sleep(seconds); return note; end $$`)
}, 120_000)

beforeEach(async () => {
  await herd.whenWhole(PATIENCE_MS)
  admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query('truncate notes')
})

const OURS = "usename = 'app' and backend_type = 'client backend' and pid <> pg_backend_pid()"

/** Ends sessions of the application on a node; how many there were. */
async function terminate(node: pg.Client, which = 'true'): Promise<number> {
  const { rowCount } = await node.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where ${OURS} and ${which}`,
  )
  return rowCount ?? 0
}

/** The one session that runs a statement with these words in it. */
async function runs(words: string): Promise<number> {
  return until(`${words} runs`, async () => {
    const { rows } = await admin.query(
      `select pid from pg_stat_activity where ${OURS} and state <> 'idle' and position($1 in query) > 0`,
      [words],
    )
    return rows[0]?.pid as number
  })
}

async function notes(): Promise<string[]> {
  return (await admin.query('select note from notes order by note')).rows.map(({ note }) => note)
}

test('reads go on though every session on every node is ended again and again', async () => {
  const pool = scratchPool({ nodes })
  const everywhere = await Promise.all(
    ['main-1', 'main-2', 'main-3'].map((name) => connect(herd.dsn(name, 'superuser'))),
  )
  let [stopped, answers] = [false, 0]
  const read = async (): Promise<void> => {
    while (!stopped) {
      const { rows } = await pool.query('select $1::int as n, count(*) from notes', [answers])
      expect(rows).toHaveLength(1)
      answers++
    }
  }
  const reading = Promise.all([read(), read(), read(), read()])
  let ended = 0
  for (let round = 0; round < 10; round++) {
    const before = answers
    for (const node of everywhere) ended += await terminate(node)
    await until('reads go on', () => answers > before + 20)
  }
  stopped = true
  await reading
  expect(ended).toBeGreaterThan(20)
})

test('a write finds another connection when those that wait for work have been ended', async () => {
  const pool = scratchPool({ nodes })
  for (let round = 0; round < 20; round++) {
    await pool.query('insert into notes values ($1)', [`note ${round}`])
    // No turn is left to hear of it before the next write is sent.
    await terminate(admin)
  }
  expect(await notes()).toHaveLength(20)
  expect(pool.statistics.unknown).toBe(0)
})

test('I3: a write whose session is ended in the middle of it is run again, and counts once', async () => {
  const pool = scratchPool({ nodes })
  const write = pool.query("insert into notes values (slow_note('long', 1.5))")
  const pid = await runs('slow_note')
  await admin.query('select pg_terminate_backend($1)', [pid])
  expect((await write).rowCount).toBe(1)
  expect(await notes()).toEqual(['long'])
  expect(pool.statistics).toMatchObject({ unknown: 0, repeats: 1 })
})

test('I3: of several statements in one text nobody can say, so they are not run again', async () => {
  const pool = scratchPool({ nodes })
  const write = failureOf(pool.query("insert into notes values ('first'); select slow_note('long', 30)"))
  const pid = await runs('slow_note')
  await admin.query('select pg_terminate_backend($1)', [pid])
  expect(await write).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  expect(await notes()).toEqual([])
})

test('a read on a connection of its own is run again', async () => {
  const pool = scratchPool({ nodes, lanes: { max: 0 }, consistency: 'primary' })
  const read = pool.query('select pg_sleep(1.5), count(*)::int as n from notes')
  const pid = await runs('pg_sleep')
  await admin.query('select pg_terminate_backend($1)', [pid])
  expect((await read).rows[0].n).toBe(0)
})

test('who has a client to itself hears of its end, and the pool goes on', async () => {
  const pool = scratchPool({ nodes, max: 1 })
  const client = await pool.connect()
  const errors: Error[] = []
  client.on('error', (error) => errors.push(error))
  await terminate(admin)
  await until('it has heard', () => errors.length > 0)
  expect((await failureOf(client.query('select 1'))).message).toMatch(/not queryable/)
  client.release()
  const next = await pool.connect()
  expect(next).not.toBe(client)
  expect((await next.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  next.release()
})

test('a transaction whose connection ends before COMMIT is sent is undone for certain', async () => {
  const pool = scratchPool({ nodes })
  const run = async (retry: boolean): Promise<number> => {
    let tries = 0
    await pool.transaction(
      async (tx) => {
        await tx.query("insert into notes values ('tried')")
        if (++tries > 1) return
        const gone = new Promise((resolve) => tx.once('error', resolve))
        await terminate(admin)
        await gone
      },
      { retry },
    )
    return tries
  }
  expect(await failureOf(run(false))).toMatchObject({ code: 'TRANSACTION_LOST' })
  expect(await notes()).toEqual([])
  expect(await run(true)).toBe(2)
  expect(await notes()).toEqual(['tried'])
  expect(pool.statistics.unknown).toBe(0)
})

/** With both standbys hung a commit waits for them. */
async function withoutStandbys(act: () => Promise<void>): Promise<void> {
  for (const name of ['main-2', 'main-3']) await herd.disturb(name, 'pause')
  try {
    await act()
  } finally {
    for (const name of ['main-2', 'main-3']) await herd.disturb(name, 'resume')
  }
}

test.each(['pg_terminate_backend', 'pg_cancel_backend'])(
  'I1: a commit whose wait for standbys is ended by %s is not called done',
  async (end) => {
    const pool = scratchPool({ nodes })
    await pool.query("insert into notes values ('before')")
    await withoutStandbys(async () => {
      const write = failureOf(pool.query("insert into notes values ('alone')"))
      await admin.query(`select ${end}($1)`, [await runs("('alone')")])
      const error = await write
      expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(error.message).toContain('committed on the primary and may not be on a standby')
      const commit = failureOf(pool.transaction((tx) => tx.query("insert into notes values ('alone')")))
      await admin.query(`select ${end}($1)`, [await runs('COMMIT')])
      expect(await commit).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect((await commit).message).toContain('committed on the primary and may not be on a standby')
      // I4: whoever looks sees it.
      const { rows } = await pool.query("select count(*)::int as n from notes where note = 'alone'")
      expect(rows).toEqual([{ n: 2 }])
    })
  },
)
