import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Transaction } from '../src/index.js'
import { failureOf } from './failure-of.js'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const pool = scratchPool({ nodes })
  await pool.query('create table notes (note text not null); create table stock (id int primary key, n int)')
}, 120_000)

beforeEach(async () => {
  await herd.whenWhole(PATIENCE_MS)
  const pool = scratchPool({ nodes })
  await pool.query('truncate notes, stock; insert into stock values (1, 10), (2, 10)')
})

/** A connection of the superuser to the primary of now. */
function primary(): Promise<pg.Client> {
  return connect(herd.dsn(herd.primaryOf()?.name, 'superuser'))
}

async function notes(): Promise<string[]> {
  const { rows } = await (await primary()).query('select note from notes order by note')
  return rows.map(({ note }) => note)
}

const WRITE = "insert into notes values ('first')"

/** Every way a first statement can be given, each writing a note. */
const FIRSTS: [string, (tx: Transaction) => Promise<unknown>][] = [
  ['a text', (tx) => tx.query(WRITE)],
  ['a text with values', (tx) => tx.query('insert into notes values ($1)', ['first'])],
  ['a config', (tx) => tx.query({ text: 'insert into notes values ($1)', values: ['first'] })],
  ['rows as arrays', (tx) => tx.query({ text: `${WRITE} returning 1`, rowMode: 'array' })],
  [
    'a named statement',
    (tx) => tx.query({ name: 'write', text: 'insert into notes values ($1)', values: ['first'] }),
  ],
  ['a text of two statements', (tx) => tx.query(`${WRITE}; select 1`)],
  ['a text that ends in a comment', (tx) => tx.query(`${WRITE} -- ; commit`)],
  [
    'a callback',
    (tx) =>
      new Promise((resolve, reject) =>
        tx.query(WRITE, (error, result) => (error ? reject(error) : resolve(result))),
      ),
  ],
  [
    'a cursor',
    async (tx) => {
      const cursor = tx.query(new Cursor(`${WRITE} returning note`))
      expect(await cursor.read(5)).toEqual([{ note: 'first' }])
      await cursor.close()
    },
  ],
  ['a COPY in', (tx) => pipeline(Readable.from(['first\n']), tx.query(copyFrom('copy notes from stdin')))],
  [
    'a COPY out',
    async (tx) => {
      const out = tx.query(copyTo(`copy (select 1) to stdout`))
      for await (const _ of out);
      await tx.query(WRITE)
    },
  ],
  ['several at once', (tx) => Promise.all([tx.query('select 1'), tx.query(WRITE), tx.query('select 2')])],
  [
    'a savepoint',
    async (tx) => {
      await tx.query('savepoint here')
      await tx.query(WRITE)
      await tx.query('release savepoint here')
    },
  ],
]

describe.each(FIRSTS)('a transaction that begins with %s', (_name, first) => {
  test('is committed as a whole, or undone as a whole', async () => {
    const pool = scratchPool({ nodes })
    await pool.transaction(async (tx) => {
      await first(tx)
      await tx.query("insert into notes values ('second')")
    })
    expect(await notes()).toEqual(['first', 'second'])
    // What it left in its session may have to be cleaned first.
    await until('its client is given back', () => pool.idleCount === pool.totalCount)
    const stop = new Error('stop')
    const undone = pool.transaction(async (tx) => {
      await first(tx)
      await tx.query("insert into notes values ('third')")
      throw stop
    })
    expect(await failureOf(undone)).toBe(stop)
    expect(await notes()).toEqual(['first', 'second'])
    expect(pool.totalCount).toBe(1)
  })

  test('has what was said of it', async () => {
    const policies = { quick: { synchronousCommit: 'local' } } as const
    const pool = scratchPool({ nodes, policies })
    const { rows } = await pool.with('quick').transaction(
      async (tx) => {
        await first(tx)
        return tx.query(`select current_setting('transaction_isolation') as isolation,
          current_setting('synchronous_commit') as commit`)
      },
      { isolation: 'serializable' },
    )
    expect(rows).toEqual([{ isolation: 'serializable', commit: 'local' }])
  })
})

describe('a first statement that fails', () => {
  test('fails with the error of the server, and the connection is as good as before', async () => {
    const pool = scratchPool({ nodes, max: 1 })
    for (const bad of ['select 1/0', 'selec 1', 'select * from nowhere', 'select 1; select 1/0']) {
      const error = await failureOf(pool.transaction((tx) => tx.query(bad)))
      expect(error.code, bad).toMatch(/^(22012|42601|42P01)$/)
    }
    expect(await pool.transaction(async (tx) => (await tx.query(WRITE)).rowCount)).toBe(1)
    expect(await notes()).toEqual(['first'])
    expect(pool.totalCount).toBe(1)
  })

  test('and was swallowed ends in TRANSACTION_ABORTED, also when later ones were', async () => {
    const pool = scratchPool({ nodes, max: 1 })
    const swallowed = pool.transaction(async (tx) => {
      await tx.query('select 1/0').catch(() => {})
      await tx.query(WRITE).catch(() => {})
    })
    expect(await failureOf(swallowed)).toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect(await notes()).toEqual([])
  })

  test('and was undone by a savepoint is no harm', async () => {
    const pool = scratchPool({ nodes })
    await pool.transaction(async (tx) => {
      await tx.query(WRITE)
      await tx.query('savepoint here')
      expect(await failureOf(tx.query('select 1/0'))).toMatchObject({ code: '22012' })
      await tx.query('rollback to savepoint here')
    })
    expect(await notes()).toEqual(['first'])
  })
})

test('a transaction without a statement gives what its function gives, and opens nothing', async () => {
  const pool = scratchPool({ nodes, max: 1 })
  expect(await pool.transaction(async () => 7)).toBe(7)
  const stop = new Error('stop')
  expect(await failureOf(pool.transaction(() => Promise.reject(stop)))).toBe(stop)
  expect(
    await failureOf(
      pool.transaction(() => {
        throw stop
      }),
    ),
  ).toBe(stop)
  const client = await pool.connect()
  const { rows } = await client.query("select now() = statement_timestamp() as alone, 'x' as x")
  expect(rows).toEqual([{ alone: true, x: 'x' }])
  client.release()
})

test('a function that commits or rolls back by itself has its way', async () => {
  const pool = scratchPool({ nodes, max: 1 })
  await pool.transaction(async (tx) => {
    await tx.query(WRITE)
    await tx.query('commit')
  })
  expect(await notes()).toEqual(['first'])
  await pool.transaction(async (tx) => {
    await tx.query(WRITE)
    await tx.query('rollback')
  })
  expect(await notes()).toEqual(['first'])
})

describe('retry', () => {
  test('runs the function again after a serialization failure, and not without it', async () => {
    const pool = scratchPool({ nodes })
    const run = async (
      retry: boolean,
    ): Promise<{ tries: number; error: (Error & { code?: string }) | null }> => {
      let tries = 0
      const change = pool.transaction(
        async (tx) => {
          await tx.query('select n from stock where id = 1')
          if (++tries === 1) await pool.query('update stock set n = n - 1 where id = 1')
          await tx.query('update stock set n = n - 1 where id = 1')
        },
        { isolation: 'repeatable read', retry },
      )
      return {
        error: await change.then(
          () => null,
          (error) => error,
        ),
        tries,
      }
    }
    expect(await run(true)).toEqual({ error: null, tries: 2 })
    const { error, tries } = await run(false)
    expect([error?.code, tries]).toEqual(['40001', 1])
    // Two of the first run, one beside the second.
    expect((await (await primary()).query('select n from stock where id = 1')).rows).toEqual([{ n: 7 }])
  })

  test('runs the function again when the failure only shows at COMMIT', async () => {
    const pool = scratchPool({ nodes })
    let tries = 0
    // Write skew: each reads what the other writes.
    const skew = async (mine: number, other: number, between: () => Promise<void>): Promise<void> =>
      pool.transaction(
        async (tx) => {
          tries++
          await tx.query('select n from stock where id = $1', [other])
          await between()
          await tx.query('update stock set n = n - 1 where id = $1', [mine])
        },
        { isolation: 'serializable', retry: true },
      )
    let arrived = 0
    const both = async (): Promise<void> => {
      arrived++
      await until('both have read', () => arrived >= 2)
    }
    await Promise.all([skew(1, 2, both), skew(2, 1, both)])
    expect(tries).toBe(3)
    expect((await (await primary()).query('select n from stock order by id')).rows).toEqual([
      { n: 9 },
      { n: 9 },
    ])
  })

  test('runs the one that a deadlock struck again', async () => {
    const pool = scratchPool({ nodes })
    let [tries, locked] = [0, 0]
    const change = (first: number, second: number): Promise<void> =>
      pool.transaction(
        async (tx) => {
          tries++
          await tx.query('update stock set n = n - 1 where id = $1', [first])
          locked++
          await until('both have their first lock', () => locked >= 2)
          await tx.query('update stock set n = n - 1 where id = $1', [second])
        },
        { retry: true },
      )
    await Promise.all([change(1, 2), change(2, 1)])
    expect(tries).toBe(3)
    expect((await (await primary()).query('select n from stock order by id')).rows).toEqual([
      { n: 8 },
      { n: 8 },
    ])
  })

  test('gives up in the end, with the last error', async () => {
    const pool = scratchPool({ nodes })
    let tries = 0
    const never = pool.transaction(
      async (tx) => {
        tries++
        await tx.query('select n from stock where id = 1')
        await pool.query('update stock set n = n - 1 where id = 1')
        await tx.query('update stock set n = n - 1 where id = 1')
      },
      { isolation: 'repeatable read', retry: true },
    )
    expect(await failureOf(never)).toMatchObject({ code: '40001' })
    expect(tries).toBe(10)
  })

  test('does not run again what failed by itself', async () => {
    const pool = scratchPool({ nodes })
    let tries = 0
    const run = (fn: (tx: Transaction) => Promise<unknown>): Promise<Error & { code?: string }> => {
      tries = 0
      return failureOf(
        pool.transaction(
          async (tx) => {
            tries++
            await fn(tx)
          },
          { retry: true },
        ),
      )
    }
    expect([(await run((tx) => tx.query('select 1/0'))).code, tries]).toEqual(['22012', 1])
    expect([(await run((tx) => tx.query('insert into stock values (1, 1)'))).code, tries]).toEqual([
      '23505',
      1,
    ])
    expect([(await run(() => Promise.reject(new Error('ours')))).message, tries]).toEqual(['ours', 1])
  })

  test('carries a transaction over a failover, which without it is an error', {
    timeout: 120_000,
  }, async () => {
    const pool = scratchPool({ nodes })
    const run = async (retry: boolean): Promise<number> => {
      let tries = 0
      await pool.transaction(
        async (tx) => {
          await tx.query(WRITE)
          if (++tries === 1) {
            const gone = new Promise((resolve) => tx.once('error', resolve))
            await herd.disturb(herd.primaryOf()?.name as string, 'kill')
            // The session outlives its server for a moment.
            await gone
          }
          await tx.query("insert into notes values ('second')")
        },
        { retry },
      )
      return tries
    }
    const written = async (): Promise<string[]> => {
      const { rows } = await pool.query('select note from notes order by note')
      return rows.map(({ note }) => note)
    }
    expect(await run(true)).toBe(2)
    expect(await written()).toEqual(['first', 'second'])
    await herd.whenWhole(PATIENCE_MS)
    expect(await failureOf(run(false))).toMatchObject({ code: 'TRANSACTION_LOST' })
    expect(await written()).toEqual(['first', 'second'])
  })
})

describe('a signal', () => {
  const reason = new Error('enough')

  /** Sessions that run, or are in, something of the test. */
  async function busy(): Promise<string[]> {
    const { rows } = await (await primary()).query(
      `select query from pg_stat_activity where usename = 'app' and backend_type = 'client backend'
        and state <> 'idle'`,
    )
    return rows.map(({ query }) => query)
  }

  test('given before keeps the function from being called', async () => {
    const pool = scratchPool({ nodes })
    let called = false
    const given = pool.transaction(
      async () => {
        called = true
      },
      { signal: AbortSignal.abort(reason) },
    )
    expect(await failureOf(given)).toBe(reason)
    expect(called).toBe(false)
  })

  test('during a statement cancels it on the server, and undoes all', async () => {
    const pool = scratchPool({ nodes, max: 1 })
    for (const first of [true, false]) {
      const stop = new AbortController()
      const inside: Promise<unknown>[] = []
      const given = pool.transaction(
        async (tx) => {
          if (!first) await tx.query(WRITE)
          const slow = tx.query("select pg_sleep(60), 'slow'")
          inside.push(failureOf(slow))
          await slow
        },
        { signal: stop.signal },
      )
      void failureOf(given)
      await until('it runs', async () => (await busy()).some((query) => query.includes('slow')))
      stop.abort(reason)
      expect(await failureOf(given)).toBe(reason)
      await until('the server has given it up', async () => (await busy()).length === 0)
      expect(await inside[0]).toBeInstanceOf(Error)
    }
    expect(await notes()).toEqual([])
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('between statements ends it at once, and what the function still asks is refused', async () => {
    const pool = scratchPool({ nodes, max: 1 })
    const stop = new AbortController()
    const later: Error[] = []
    let goOn = (): void => {}
    const wait = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const given = pool.transaction(
      async (tx) => {
        await tx.query(WRITE)
        stop.abort(reason)
        await wait
        later.push(await failureOf(tx.query("insert into notes values ('late')")))
      },
      { signal: stop.signal },
    )
    expect(await failureOf(given)).toBe(reason)
    await until('the server has given it up', async () => (await busy()).length === 0)
    goOn()
    await until('the function has asked', () => later.length === 1)
    expect(later[0]).toBe(reason)
    // Its place is free for others.
    await pool.query("insert into notes values ('next')")
    expect(await notes()).toEqual(['next'])
  })

  test('while it waits for a connection gives up waiting', async () => {
    const pool = scratchPool({ nodes, max: 1 })
    const client = await pool.connect()
    const stop = new AbortController()
    const given = pool.transaction((tx) => tx.query(WRITE), { signal: stop.signal })
    void failureOf(given)
    await until('it waits', () => pool.waitingCount === 1)
    stop.abort(reason)
    expect(await failureOf(given)).toBe(reason)
    client.release()
    await pool.query("insert into notes values ('next')")
    expect(await notes()).toEqual(['next'])
  })

  test('while COMMIT waits for standbys leaves its outcome unknown', { timeout: 120_000 }, async () => {
    const pool = scratchPool({ nodes, max: 1 })
    await pool.query("insert into notes values ('before')")
    const first = herd.primaryOf()?.name as string
    const standbys = ['main-1', 'main-2', 'main-3'].filter((name) => name !== first)
    for (const name of standbys) await herd.disturb(name, 'pause')
    try {
      const stop = new AbortController()
      const given = pool.transaction((tx) => tx.query(WRITE), { signal: stop.signal })
      void failureOf(given)
      await until('COMMIT waits', async () => (await busy()).includes('COMMIT'))
      stop.abort(reason)
      const error = await failureOf(given)
      expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(error.message).toMatch(/^The call was aborted while COMMIT was under way \(enough\)/)
    } finally {
      for (const name of standbys) await herd.disturb(name, 'resume')
    }
    await herd.whenWhole(PATIENCE_MS)
    await until('the server has done with it', async () => (await busy()).length === 0)
    // Whether it is there nobody knows, but it is so for everybody, and once.
    const seen = (await pool.query("select note from notes where note = 'first'")).rowCount
    expect((await notes()).filter((note) => note === 'first')).toHaveLength(seen as number)
    expect(seen).toBeLessThanOrEqual(1)
  })
})
