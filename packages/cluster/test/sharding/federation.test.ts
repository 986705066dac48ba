import { setTimeout as sleep } from 'node:timers/promises'
import {
  consistentHashMap,
  type KeyType,
  moduloMap,
  moveStretch,
  rangeMap,
  type ShardMap,
  stretchesOf,
} from '@pgherd/core/sharding'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { scratchHerd, until } from '../../../../test/scratch-herd.js'
import {
  type FederatedGroup,
  type Herd,
  type SyncOptions,
  type SyncReport,
  syncFederation,
} from '../../src/index.js'
import {
  connectTo,
  GROUPS,
  groupsOf,
  insertRows,
  mapOf,
  passwordOf,
  SHARDS,
  syncOptions,
} from './federated-herd.js'

const TABLES: SyncOptions['tables'] = {
  'public.users': { kind: 'sharded', key: ['id'] },
  'shop.orders': { kind: 'sharded', key: ['user_id'] },
  'public.products': { kind: 'reference' },
}

let herd: Herd
let home: FederatedGroup
let database = ''
let options: SyncOptions
let shards: Map<string, pg.Client>
let atHome: pg.Client

beforeAll(async () => {
  herd = await scratchHerd(GROUPS)
  database = herd.spec.database
})

beforeEach(async () => {
  const groups = await groupsOf(herd)
  home = groups.home
  options = await syncOptions(herd, TABLES)
  atHome = await connectTo(herd, home, database)
  shards = new Map()
  for (const shard of groups.shards) shards.set(shard.name, await connectTo(herd, shard, database))
  await everywhere(
    'drop schema if exists shop cascade; drop owned by app; drop schema public cascade; create schema public',
  )
  await everywhere(
    'grant usage on schema public to app; create schema shop; grant usage on schema shop to app',
  )
  await onShards(`create table users (id bigint primary key, name text);
    create table shop.orders (id bigint, user_id int8 not null, amount numeric);
    create table products (id int primary key, title text)`)
  await atHome.query('create table notes (id int, user_id bigint, body text)')
  const users = Array.from({ length: 300 }, (_, index) => [index + 1, `n${index + 1}`])
  await insertRows(shards, 'users', users, { map: options.map, type: 'int8', column: 0 })
  const orders = users.flatMap(([id]) => [
    [Number(id), id, 5],
    [Number(id) + 1000, id, 7],
  ])
  await insertRows(shards, 'shop.orders', orders, { map: options.map, type: 'int8', column: 1 })
  await insertRows(
    shards,
    'products',
    [
      [1, 'pen'],
      [2, 'ink'],
    ],
    'everywhere',
  )
  await atHome.query(`insert into notes values (1, 5, 'five'), (2, 999, 'nobody')`)
  await everywhere('grant select on all tables in schema public, shop to app')
})

const onShards = (sql: string) => Promise.all([...shards.values()].map((client) => client.query(sql)))
const everywhere = (sql: string) => Promise.all([onShards(sql), atHome.query(sql)])
const federation = (user = 'app') => connectTo(herd, home, `${database}_herd`, user)
const sync = (changes: Partial<SyncOptions> = {}): Promise<SyncReport> =>
  syncFederation({ ...options, ...changes })

async function rowsOf(client: pg.Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query({ text: sql, rowMode: 'array' })
  return rows
}

async function explain(client: pg.Client, sql: string): Promise<string> {
  const { rows } = await client.query({ text: `explain (verbose, costs off) ${sql}`, rowMode: 'array' })
  return rows.join('\n')
}

const scans = (plan: string) => plan.match(/Foreign Scan/g)?.length ?? 0

test('a sync makes the federation, and the next one finds nothing to do', async () => {
  const first = await sync()
  expect(first.tables).toEqual(['public.users', 'shop.orders', 'public.products', 'public.notes'])
  expect(first.skipped).toEqual([])
  expect(await sync()).toMatchObject({ changes: 0, tables: first.tables })
  const reader = await federation()
  expect(await rowsOf(reader, 'select count(*), sum(id) from users')).toEqual([['300', '45150']])
  expect(
    await rowsOf(
      reader,
      `select u.name, o.amount, p.title, n.body from users u join shop.orders o on o.user_id = u.id
       join products p on p.id = o.id - 4 join notes n on n.user_id = u.id`,
    ),
  ).toEqual([['n5', '5', 'pen', 'five']])
})

test('a key leads to one shard where pruning is on; equal keys are joined and grouped on their shards', async () => {
  await onShards('analyze')
  await sync()
  const reader = await federation()
  await reader.query('set enable_partition_pruning = on')
  for (const key of ['5', '5::int2', '5::bigint', `'5'`]) {
    const plan = await explain(reader, `select * from users where id = ${key}`)
    expect(scans(plan)).toBe(1)
  }
  expect(
    scans(
      await explain(reader, 'select * from users u join shop.orders o on u.id = o.user_id where u.id = 5'),
    ),
  ).toBe(1)
  const joined = await explain(
    reader,
    'select u.name, o.amount from users u join shop.orders o on u.id = o.user_id',
  )
  expect(joined.match(/Remote SQL: .*users.* JOIN shop.orders/g)).toHaveLength(3)
  const grouped = await explain(reader, 'select user_id, count(*) from shop.orders group by user_id')
  expect(grouped.match(/Remote SQL: SELECT user_id, count\(\*\) FROM shop.orders GROUP BY 1/g)).toHaveLength(
    3,
  )
  const both = await explain(
    reader,
    'select u.id, sum(o.amount) from users u join shop.orders o on u.id = o.user_id group by u.id',
  )
  expect(both.match(/Remote SQL: .*sum.* JOIN .*GROUP BY/g)).toHaveLength(3)
  const prepared = { name: 'one', text: 'select name from users where id = $1' }
  await reader.query('set plan_cache_mode to force_generic_plan')
  for (const id of [1, 2, 3, 200])
    expect((await reader.query({ ...prepared, values: [id] })).rows).toEqual([{ name: `n${id}` }])
})

test('nothing is written through the federation, and only readers get in', async () => {
  await sync()
  const [reader, superuser] = [await federation(), await federation('postgres')]
  const refused =
    /permission denied|does not allow|cannot (insert|update|delete|truncate)|not updatable|no partition/
  for (const table of ['users', 'products', 'notes'])
    for (const client of [reader, superuser]) {
      await expect(client.query(`insert into ${table} (id) values (1)`)).rejects.toThrow(refused)
      await expect(client.query(`update ${table} set id = 1`)).rejects.toThrow(refused)
      await expect(client.query(`delete from ${table}`)).rejects.toThrow(refused)
      await expect(client.query(`truncate ${table}`)).rejects.toThrow(refused)
    }
  await expect(reader.query('create table mine ()')).rejects.toThrow(/permission denied/)
  await expect(reader.query('create temp table mine ()')).rejects.toThrow(/permission denied/)
  expect(await rowsOf(reader, `select umoptions from pg_user_mappings where umoptions is not null`)).toEqual(
    [],
  )
  await sync({ readers: options.readers.filter(({ role }) => role !== 'app') })
  await expect(federation()).rejects.toThrow(/permission denied for database/)
})

test('what changes on the shards changes in the federation', async () => {
  await onShards(`create type mood as enum ('glad', 'sad'); create domain tag as varchar(9) collate "C";
    create type place as (street text, at mood);
    alter table users add feels mood default 'sad', add tags tag[], add lives place`)
  await onShards(`update users set tags = '{a,b}', lives = ('x', 'glad') where id = 5`)
  await sync()
  const reader = await federation()
  const five = 'select feels, tags, lives from users where id = 5'
  expect(await rowsOf(reader, five)).toEqual([['sad', '{a,b}', '(x,glad)']])

  const other = await sync({ tables: options.tables })
  expect(other.changes).toBe(0)
  await onShards(`alter type mood add value 'calm' before 'sad'; alter table users drop column tags;
    alter table shop.orders alter amount type text using amount::text; drop table products;
    create table tags (user_id uuid)`)
  await onShards(`update users set feels = 'calm' where id = 5`)
  await atHome.query('alter table notes rename to remarks')
  const tables: SyncOptions['tables'] = {
    'public.users': { kind: 'sharded', key: ['id'] },
    'shop.orders': { kind: 'sharded', key: ['user_id'] },
    'public.tags': { kind: 'sharded', key: ['user_id'] },
  }
  expect((await sync({ tables })).tables).toEqual([
    'public.users',
    'shop.orders',
    'public.tags',
    'public.remarks',
  ])
  expect(await rowsOf(reader, 'select * from users where id = 5')).toEqual([['5', 'n5', 'calm', '(x,glad)']])
  expect(await rowsOf(reader, 'select max(amount) from shop.orders')).toEqual([['7']])
  expect(await rowsOf(reader, 'select count(*) from users where feels < $$sad$$')).toEqual([['1']])
  for (const gone of ['products', 'notes'])
    await expect(reader.query(`select from ${gone}`)).rejects.toThrow(/not exist/)
  expect((await sync({ tables })).changes).toBe(0)
})

test('tables that cannot be federated are named with the reason', async () => {
  await onShards('create view seen as select * from users')
  await onShards('create type span as range (subtype = int4); create table periods (id bigint, during span)')
  await onShards(
    `create collation mine (provider = icu, locale = 'de'); create table words (id bigint, w text collate mine)`,
  )
  await shards.get('s2')?.query('alter table products add more int')
  await atHome.query('create view all_notes as select * from notes')
  const tables: SyncOptions['tables'] = {
    ...TABLES,
    'public.seen': { kind: 'sharded', key: ['id'] },
    'public.periods': { kind: 'sharded', key: ['id'] },
    'public.words': { kind: 'sharded', key: ['id'] },
    'public.nowhere': { kind: 'reference' },
    'shop.orders': { kind: 'sharded', key: ['owner'] },
  }
  const report = await sync({ tables })
  expect(report.tables).toEqual(['public.users', 'public.notes'])
  expect(Object.fromEntries(report.skipped.map(({ table, reason }) => [table, reason]))).toEqual({
    'public.seen': 'views are not in the federation',
    'public.periods':
      'column "during" is of the type public.span, which is neither enum, domain nor composite',
    'public.words': `column "w" has the collation public.mine, which is not PostgreSQL's own`,
    'public.products': 'it is not the same on shards "s1" and "s2"',
    'public.nowhere': 'it is not on shard "s1"',
    'shop.orders': 'its key "owner" is no column of it',
    'public.all_notes': 'views are not in the federation',
  })
})

test('where a stretch moves, plans that were kept follow it', async () => {
  await sync()
  const reader = await federation()
  await reader.query('set enable_partition_pruning = on')
  const kept = { name: 'kept', text: 'select name from users where id = 5' }
  expect((await reader.query(kept)).rows).toEqual([{ name: 'n5' }])
  const before = options.map
  const owner = before.shards[await shardOf(reader, 'users', 'id', '5')] as string
  const to = SHARDS.find((name) => name !== owner) as string
  // All that one shard owns goes to another, row 5 among it.
  const map = stretchesOf(before).reduce<ShardMap>(
    (moved, stretch, index, all) =>
      stretch.owner === owner
        ? moveStretch(moved, { from: stretch.from, to: all[index + 1]?.from ?? null, owner: to })
        : moved,
    before,
  )
  const { rows } = await (shards.get(owner) as pg.Client).query('delete from users returning id, name')
  await insertRows(
    new Map([[to, shards.get(to) as pg.Client]]),
    'users',
    rows.map(({ id, name }) => [id, name]),
    'everywhere',
  )
  expect((await sync({ map })).changes).toBeGreaterThan(0)
  expect((await reader.query(kept)).rows).toEqual([{ name: 'n5' }])
  expect(await shardOf(reader, 'users', 'id', '5')).toBe(map.shards.indexOf(to))
  expect(await rowsOf(reader, 'select count(*) from users')).toEqual([['300']])
})

/** Which partition PostgreSQL itself says a key belongs to. */
async function shardOf(client: pg.Client, table: string, column: string, key: string): Promise<number> {
  const { rows } = await client.query(
    `select i from generate_series(0, 2) i, (select $1::text as key) k
     where satisfies_hash_partition($2::regclass, 3, i, k.key::${await typeOf(client, table, column)})`,
    [key, table],
  )
  expect(rows).toHaveLength(1)
  return rows[0].i
}

async function typeOf(client: pg.Client, table: string, column: string): Promise<string> {
  const { rows } = await client.query(
    'select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and attname = $2',
    [table, column],
  )
  return rows[0].type
}

const KEYS: Record<string, { sql: string; type: KeyType; keys: string[] }> = {
  small: { sql: 'smallint', type: 'int2', keys: ['-5', '0', '7', '300', '32767'] },
  whole: { sql: 'integer', type: 'int4', keys: ['-5', '0', '7', '300', '2147483647'] },
  big: {
    sql: 'bigint',
    type: 'int8',
    keys: ['-5', '0', '7', '300', '-9223372036854775808', '9007199254740993'],
  },
  word: { sql: 'text', type: 'text', keys: ['', 'a', 'Zoë', 'q\\"x', '漢字', '😀'] },
  short: { sql: 'varchar(20)', type: 'varchar', keys: ['', 'a', 'm', 'z'] },
  code: { sql: 'code_text', type: 'text', keys: ['', 'a', 'm', 'z'] },
  tag: {
    sql: 'uuid',
    type: 'uuid',
    keys: [
      '00000000-0000-0000-0000-000000000000',
      '9f3a1c00-0000-4000-8000-00000000000a',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ],
  },
}

const MAPS: Record<string, { map: ShardMap; keys: string[] }> = {
  'consistent hashing': { map: mapOf(), keys: Object.keys(KEYS) },
  modulo: { map: moduloMap(SHARDS), keys: Object.keys(KEYS) },
  'ranges of numbers': { map: rangeMap('integer', SHARDS, [0n, 300n]), keys: ['small', 'whole', 'big'] },
  'ranges of text': { map: rangeMap('text', SHARDS, ['Z', 'q\\']), keys: ['word', 'short', 'code'] },
  'ranges of uuids': {
    map: rangeMap('uuid', SHARDS, [
      '9f3a1c00-0000-4000-8000-00000000000a',
      'f0000000-0000-0000-0000-000000000000',
    ]),
    keys: ['tag'],
  },
}

test.each(Object.entries(MAPS))(
  'under %s every key of every type is found where it is',
  async (_, { map, keys }) => {
    await onShards('create domain code_text as text')
    const tables: Record<string, SyncOptions['tables'][string]> = {}
    for (const name of keys) {
      const { sql, type, keys: values } = KEYS[name] as (typeof KEYS)[string]
      await onShards(`create table ${name} (key ${sql}); grant select on ${name} to app`)
      await insertRows(
        shards,
        name,
        values.map((value) => [value]),
        { map, type, column: 0 },
      )
      tables[`public.${name}`] = { kind: 'sharded', key: ['key'] }
    }
    expect((await sync({ map, tables })).skipped).toEqual([])
    const reader = await federation()
    await reader.query('set enable_partition_pruning = on')
    for (const name of keys) {
      const { sql, keys: values } = KEYS[name] as (typeof KEYS)[string]
      expect(await rowsOf(reader, `select count(*)::int from ${name}`)).toEqual([[values.length]])
      for (const value of values) {
        const query = `select key::text from ${name} where key = ${reader.escapeLiteral(value)}::${sql}`
        expect(await rowsOf(reader, query)).toEqual([[value]])
        expect(scans(await explain(reader, query))).toBe(1)
        await shardOf(reader, name, 'key', value)
      }
    }
  },
)

test('a subquery that depends on rows two levels around it is asked again for each of them', async () => {
  await sync()
  const reader = await federation()
  // PostgreSQL itself forgets to where a single partition is left of the table in between.
  const matched = `select a.id, count(o.id)::int from (values (4), (5), (5)) a (id)
    left join lateral (
      select id from shop.orders where user_id = 5 and exists (select from users where id = a.id and id = 5)
    ) o on a.id = 5 and exists (select from products p where p.id < o.id) group by a.id order by a.id`
  expect(await rowsOf(reader, matched)).toEqual([
    [4, 0],
    [5, 4],
  ])
})

test('where there is one shard its tables have no partitions', async () => {
  const one = { map: moduloMap(SHARDS.slice(0, 1)), shards: options.shards.slice(0, 1) }
  const tables: SyncOptions['tables'] = { 'public.alone': { kind: 'sharded', key: ['id'] } }
  await onShards('create table alone (id bigint); grant select on alone to app')
  await shards.get(SHARDS[0] as string)?.query('insert into alone values (1), (2)')
  for (const state of [one, { map: options.map, shards: options.shards }, one]) {
    await sync({ ...state, tables })
    const reader = await federation()
    expect(await rowsOf(reader, 'select count(*)::int from alone')).toEqual([[2]])
    expect(scans(await explain(reader, 'select * from alone'))).toBe(state.shards.length)
    expect((await sync({ ...state, tables })).changes).toBe(0)
  }
})

test('a key of several columns is read from all shards, and joins as any other', async () => {
  await onShards('create table visits (user_id bigint, day date, n int); grant select on visits to app')
  // Which shard has what makes no difference: no query is led by such a key.
  for (const [index, client] of [...shards.values()].entries())
    await client.query(
      `insert into visits values (${index}, '2026-01-01', 1), (${index + 10}, '2026-01-02', 2)`,
    )
  await sync({ tables: { ...TABLES, 'public.visits': { kind: 'sharded', key: ['user_id', 'day'] } } })
  const reader = await federation()
  expect(await rowsOf(reader, 'select count(*), sum(n) from visits')).toEqual([['6', '9']])
  const one = `select n from visits where user_id = 11 and day = '2026-01-02'`
  expect(await rowsOf(reader, one)).toEqual([[2]])
  expect(scans(await explain(reader, one))).toBe(3)
  expect(
    await rowsOf(reader, 'select u.name from users u join visits v on v.user_id = u.id order by u.id'),
  ).toEqual(['n1', 'n2', 'n10', 'n11', 'n12'].map((name) => [name]))
})

test('a role logs in on the shards by what it logged in with itself', async () => {
  const superuser = await connectTo(herd, home, 'postgres')
  const { rows } = await superuser.query('select rolpassword from pg_authid where rolname = $$app$$')
  const verifier = superuser.escapeLiteral(rows[0].rolpassword)
  await onShards(`alter role app password ${verifier}`)
  await sync({ readers: [{ role: 'app', login: 'passthrough' }] })
  const reader = await federation()
  expect(await rowsOf(reader, 'select count(*) from users')).toEqual([['300']])
  expect(await rowsOf(superuser, `select count(*) from pg_user_mapping`)).toEqual([['0']])
  const kept = await connectTo(herd, home, `${database}_herd`, 'postgres')
  expect(JSON.stringify(await rowsOf(kept, 'select umoptions from pg_user_mappings'))).not.toContain(
    'password',
  )
})

test('a sync that cannot finish leaves what was there, and is run again', async () => {
  await sync()
  await onShards('alter table users add age int default 7')
  const reading = await federation()
  await reading.query('begin; select from users limit 1')
  await expect(sync({ patienceMs: 0 })).rejects.toMatchObject({
    code: 'OPERATION_FAILED',
    retryable: true,
  })
  const reader = await federation()
  expect(await rowsOf(reader, 'select * from users where id = 5')).toEqual([['5', 'n5']])

  const waiting = sync({ patienceMs: 30_000 }).then(
    () => 'done',
    (error) => error.code,
  )
  const killer = await connectTo(herd, home, 'postgres')
  await until('the sync waits for the reader', async () => {
    const { rowCount } = await killer.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = $1 and wait_event_type = 'Lock' and query like 'drop table%'`,
      [`${database}_herd`],
    )
    return rowCount !== 0
  })
  expect(await waiting).toBe('OPERATION_FAILED')
  await reading.query('commit')
  expect(await rowsOf(reader, 'select * from users where id = 5')).toEqual([['5', 'n5']])
  await Promise.all([sync(), sync()])
  expect(await rowsOf(reader, 'select * from users where id = 5')).toEqual([['5', 'n5', 7]])
})

test('statements under way while tables change see the old or the new, and never fail', async () => {
  await sync()
  const errors: string[] = []
  const counts = new Set<string>()
  let running = true
  const read = async (query: { name?: string; text: string }) => {
    const client = await federation()
    while (running && errors.length === 0) {
      try {
        counts.add((await client.query(query)).rows[0].count)
      } catch (error) {
        errors.push((error as Error).message)
      }
      // As an application does something else between its statements.
      await sleep(5)
    }
  }
  const from = 'users u join shop.orders o on u.id = o.user_id left join products p on p.id = o.id'
  const text = `select count(*) from ${from}`
  const turned = `select count(*) from shop.orders o join users u on u.id = o.user_id`
  const readers = [read({ text }), read({ name: 'kept', text }), read({ text: turned })]
  try {
    for (let round = 0; round < 5; round++) {
      for (const table of ['users', 'shop.orders', 'products'])
        await onShards(`alter table ${table} add c${round} int`)
      expect((await sync()).changes).toBeGreaterThan(0)
    }
  } finally {
    running = false
    await Promise.all(readers)
  }
  expect(errors).toEqual([])
  expect([...counts]).toEqual(['600'])
})

test('what the database of the herd is set to holds in the federation', async () => {
  await atHome.query(
    `alter database ${database} set search_path to shop, public; alter database ${database} set work_mem to '5MB'`,
  )
  await sync()
  const reader = await federation()
  expect(await rowsOf(reader, 'select count(*) from orders')).toEqual([['600']])
  expect(await rowsOf(reader, 'show work_mem')).toEqual([['5MB']])
  expect((await sync()).changes).toBe(0)
  await atHome.query(
    `alter database ${database} reset search_path; alter database ${database} reset work_mem`,
  )
  await sync()
  expect(await rowsOf(await federation(), 'show search_path')).toEqual([['"$user", public']])
})

test('names of any kind come through', async () => {
  const long = 'a_table_whose_name_is_exactly_as_long_as_postgresql_allows_them_'.slice(0, 63)
  const names = [long, `${long.slice(0, 62)}é`.slice(0, 62), 'Über "quoted" täble', 'select', `o'clock`]
  const tables: Record<string, SyncOptions['tables'][string]> = {}
  for (const [index, name] of names.entries()) {
    const quoted = atHome.escapeIdentifier(name)
    await onShards(`create table ${quoted} ("the Key" bigint, "se""lect" text); grant select on ${quoted} to app;
      create type ${atHome.escapeIdentifier(`Ty"pe ${index}`)} as enum ('it''s', '"');
      alter table ${quoted} add kind ${atHome.escapeIdentifier(`Ty"pe ${index}`)}[]`)
    tables[`public.${name}`] = { kind: 'sharded', key: ['the Key'] }
  }
  const report = await sync({ tables })
  expect(report).toMatchObject({ skipped: [] })
  const reader = await federation()
  for (const name of names)
    expect(
      await rowsOf(reader, `select "the Key", "se""lect", kind from ${atHome.escapeIdentifier(name)}`),
    ).toEqual([])
  expect((await sync({ tables })).changes).toBe(0)
})

test('a herd that grows by a shard, and shrinks again, is read from those it has', async () => {
  const two = consistentHashMap(SHARDS.slice(0, 2), { virtualNodes: 64 })
  const fewer = { map: two, shards: options.shards.slice(0, 2) }
  const rows = Array.from({ length: 50 }, (_, index) => [index + 1])
  const tables: SyncOptions['tables'] = { 'public.grown': { kind: 'sharded', key: ['id'] } }
  await onShards('create table grown (id bigint); grant select on grown to app')
  const reader = async () =>
    (await federation()).query('select count(*), (select id from grown where id = 7) from grown')
  for (const state of [fewer, { map: options.map, shards: options.shards }, fewer]) {
    await onShards('truncate grown')
    await insertRows(shards, 'grown', rows, { map: state.map, type: 'int8', column: 0 })
    await sync({ ...state, tables })
    expect((await reader()).rows).toEqual([{ count: '50', id: '7' }])
    expect((await sync({ ...state, tables })).changes).toBe(0)
  }
  const superuser = await federation('postgres')
  expect(await rowsOf(superuser, 'select srvname from pg_foreign_server order by 1')).toEqual([
    ['home'],
    ['s1'],
    ['s2'],
  ])
})

test('shards that are not those of the map are refused', async () => {
  await expect(sync({ shards: options.shards.slice(1) })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})

test('the superuser reads with a login of its own', async () => {
  expect(passwordOf(herd, 'postgres')).not.toBe(passwordOf(herd, 'app'))
  await sync()
  await onShards('revoke all on users from app')
  expect(await rowsOf(await federation('postgres'), 'select count(*) from users')).toEqual([['300']])
  await expect((await federation()).query('select count(*) from users')).rejects.toThrow(/permission denied/)
})
