import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import { failureOf } from './failure-of.js'
import { connect, scratchHerd, scratchPool, unhurried } from './scratch-herd.js'

let herd: Herd
let dsn: string

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = herd.dsn('main-1')
  const admin = await connect(herd.dsn('main-1', 'superuser'))
  await admin.query(`create role other; grant other to app; grant create on schema public to app, other;
    create table goods (id int primary key, name text); grant all on goods to public;
    insert into goods select g, 'goods ' || g from generate_series(1, 50) g;
    create function remember(text) returns text language sql volatile as
      $$ select set_config('my.value', $1, false) $$;
    create function remember_stably(text) returns text language sql stable as
      $$ select set_config('my.value', $1, false) $$;
    create view reminding as select id, remember(name) from goods; grant select on reminding to public;
    create procedure act(text) language plpgsql as
      $$ begin perform set_config('my.value', $1, false); end $$;
    create function lock_it() returns void language sql volatile as 'select pg_advisory_lock(5)'`)
}, 120_000)

/** All of a session that one who has it next could see. */
const SESSION_SQL = `select
  (select jsonb_object_agg(name, setting) from pg_settings where source = 'session') as settings,
  nullif(current_setting('my.value', true), '') as mine,
  (select jsonb_agg(name) from pg_prepared_statements where name not like 'pgherd%') as prepared,
  (select jsonb_agg(name) from pg_cursors where name <> '') as cursors,
  (select jsonb_agg(objid) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  (select jsonb_agg(c) from pg_listening_channels() c) as channels,
  (select jsonb_agg(relname) from pg_class where relnamespace = pg_my_temp_schema()) as temporary,
  pg_current_xact_id_if_assigned() is not null as writing,
  now() = statement_timestamp() as alone,
  current_user as me, session_user as myself, pg_backend_pid() as pid`

interface SessionState {
  pid: number
  [what: string]: unknown
}

async function stateOf(pool: Pool): Promise<SessionState> {
  const client = await pool.connect()
  const { rows } = await client.query<SessionState>(SESSION_SQL)
  client.release()
  return rows[0] as SessionState
}

/** What leaves something in its session, one statement each. */
const LEAVING = [
  "set work_mem = '1MB'",
  "set session work_mem to '1MB'; select 1",
  "set my.value = 'x'",
  'set role other',
  'set session authorization default; set role other',
  'set search_path to nowhere',
  "set time zone 'UTC-5'",
  'set session characteristics as transaction isolation level serializable',
  'set default_transaction_read_only = on',
  "select set_config('my.value', 'x', false)",
  "select lower(set_config('my.value', 'x', false)) from goods",
  "with w as (select set_config('my.value', 'x', false)) select * from w",
  "/* select */ SELECT pg_catalog.set_config('my.value', 'x', false)",
  "update pg_settings set setting = '1MB' where name = 'work_mem'",
  "select remember('x')",
  "select remember_stably('x')",
  'select * from reminding limit 1',
  "do $$ begin perform set_config('my.value', 'x', false); end $$",
  "call act('x')",
  'create temp table left_over (a int)',
  'create temporary view left_over as select 1',
  'select 1 as a into temp left_over',
  'create temp sequence left_over',
  'create table pg_temp.left_over (a int)',
  'prepare left_over as select 1',
  'select pg_advisory_lock(7)',
  'select pg_try_advisory_lock(7)',
  'select pg_advisory_lock_shared(7)',
  'select lock_it()',
  'listen left_over',
  'declare left_over cursor with hold for select * from goods',
  'begin',
  'begin; select 1/0',
  'start transaction; update goods set name = name',
  "begin; set local work_mem = '1MB'",
  "begin; set work_mem = '1MB'",
  'begin; select * from goods for update',
]

describe.each(LEAVING)('I6: %s', (text) => {
  test('is not seen by who has the connection next, run on a client or in a transaction', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const before = await stateOf(pool)
    const client = await pool.connect()
    const answer = await client.query(text).catch((error) => error)
    if (answer instanceof Error) expect(answer.message).toBe('division by zero')
    else expect((await client.query(SESSION_SQL)).rows).not.toEqual([before])
    client.release()
    expect(await stateOf(pool)).toEqual(before)
    await pool.transaction((tx) => tx.query(text)).catch(() => {})
    expect(await stateOf(pool)).toEqual(before)
  })

  test('never runs on a lane, and the next statement of the pool does not see it', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const before = await stateOf(pool)
    for (let time = 0; time < 3; time++) {
      const lanes = pool.statistics.statements
      await pool.query(text).catch(() => {})
      const now = pool.statistics.statements
      expect([now.primary.lane, now.standby.lane]).toEqual([lanes.primary.lane, lanes.standby.lane])
      expect(await stateOf(pool)).toEqual(before)
    }
  })
})

describe('I6: of what one user had', () => {
  test('named statements are another’s to name again', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    for (const n of [1, 2]) {
      const client = await pool.connect()
      expect((await client.query({ name: 'mine', text: `select ${n} as n` })).rows).toEqual([{ n }])
      client.release()
    }
  })

  test('listeners and type parsers are gone with it', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const client = await pool.connect()
    const heard: unknown[] = []
    client.on('notice', (notice) => heard.push(notice.message))
    client.on('notification', (notice) => heard.push(notice.payload))
    client.setTypeParser(23, () => 'mine')
    await client.query("do $$ begin raise notice 'one'; end $$; listen news; notify news, 'two'")
    expect((await client.query('select 1 as n')).rows).toEqual([{ n: 'mine' }])
    expect(heard).toEqual(['one', 'two'])
    client.release()
    const next = await pool.connect()
    await next.query("do $$ begin raise notice 'three'; end $$; notify news, 'four'")
    expect((await next.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    next.release()
    expect(heard).toEqual(['one', 'two'])
  })

  test('statements that were not awaited are over before the next has the connection', async () => {
    const pool = scratchPool({ nodes: [dsn], max: 1 })
    const before = await stateOf(pool)
    const client = await pool.connect()
    const left = [
      client.query('select pg_sleep(0.3)'),
      client.query("set my.value = 'late'"),
      client.query('begin'),
    ]
    client.release()
    expect(await stateOf(pool)).toEqual(before)
    await Promise.all(left)
  })

  test('an advisory lock is free for others once its user has gone', async () => {
    const [first, second] = [scratchPool({ nodes: [dsn] }), scratchPool({ nodes: [dsn] })]
    const client = await first.connect()
    await client.query('select pg_advisory_lock(77)')
    const locked = async (): Promise<boolean> =>
      (await second.query('select pg_try_advisory_lock(77) as got')).rows[0].got
    expect(await locked()).toBe(false)
    client.release()
    await stateOf(first)
    expect(await locked()).toBe(true)
  })
})

test('I6: callers of one lane get their own answers and their own errors', async () => {
  const pool = scratchPool(unhurried({ nodes: [dsn], lanes: { max: 1 } }))
  await pool.query('select 1')
  const kinds: [string, (n: number) => Promise<unknown>][] = [
    ['rows', async (n) => expect((await pool.query('select $1::int as n', [n])).rows).toEqual([{ n }])],
    [
      'array',
      async (n) => expect((await pool.query({ text: `select ${n}`, rowMode: 'array' })).rows).toEqual([[n]]),
    ],
    [
      'error',
      async (n) =>
        expect(await failureOf(pool.query('select 1 / ($1::int - $1::int)', [n]))).toMatchObject({
          code: '22012',
        }),
    ],
    [
      'syntax',
      async (n) =>
        expect(await failureOf(pool.query(`select ${n} frm goods where`))).toMatchObject({ code: '42601' }),
    ],
    [
      'cast',
      async (n) =>
        expect((await failureOf(pool.query('select $1::int', [`no ${n}`]))).message).toContain(`"no ${n}"`),
    ],
    [
      'table',
      async (n) =>
        expect((await pool.query('select name from goods where id = $1', [(n % 50) + 1])).rows).toEqual([
          { name: `goods ${(n % 50) + 1}` },
        ]),
    ],
    [
      'none',
      async (n) => expect((await pool.query('select 1 from goods where id = $1', [-n - 1])).rowCount).toBe(0),
    ],
    [
      'many',
      async (n) =>
        expect(
          (await pool.query('select $1::int as n from generate_series(1, 300)', [n])).rows.every(
            (row) => row.n === n,
          ),
        ).toBe(true),
    ],
  ]
  await Promise.all(
    Array.from({ length: 800 }, (_, n) => (kinds[(n * 7) % kinds.length] as (typeof kinds)[0])[1](n)),
  )
  expect(pool.statistics.statements.primary.lane).toBeGreaterThan(600)
})

test('I6: a setting that one pool’s onConnect makes stays, whatever its users do', async () => {
  const onConnect = async (client: pg.ClientBase): Promise<void> => {
    await client.query("set my.value = 'set up'")
  }
  const pool = scratchPool({ nodes: [dsn], max: 1, onConnect } as never)
  expect((await stateOf(pool)).mine).toBe('set up')
  const client = await pool.connect()
  await client.query("set my.value = 'changed'")
  client.release()
  expect((await stateOf(pool)).mine).toBe('set up')
})
