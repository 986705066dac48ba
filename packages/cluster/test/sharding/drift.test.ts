import { describeDrift, locateKey, type Placement } from '@pgherd/core/sharding'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { checkDrift, type Herd } from '../../src/index.js'

const GROUPS = ['home', 's1', 's2']
let herd: Herd
let on: Map<string, pg.Client>

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding:
  groups: [s1, s2]
  tables: { users: { key: id }, lines: { key: [shop, line] }, tags: { key: tag }, rates: { kind: reference } }
`)
}, 120_000)

beforeEach(async () => {
  on = new Map()
  for (const group of GROUPS) on.set(group, await connect(dsnOf(group)))
  await Promise.all(GROUPS.map((group) => sql(group, 'drop schema public cascade; create schema public')))
  await spread(`create table users (id bigint primary key, name text default 'x', age int check (age > 0));
    create index users_name on users (name);
    create table lines (shop uuid, line int, primary key (shop, line));
    create table tags (tag varchar(20) primary key);
    create table rates (code text primary key, rate numeric, at timestamptz);
    grant select on rates to app`)
  await spread(`insert into rates values ('EUR', 1, '2026-01-01Z'), ('USD', 1.1, '2026-01-01Z')`)
  await follow()
})

function dsnOf(group: string, database = herd.spec.database): string {
  const url = new URL(herd.dsn(herd.primaryOf(group)?.name as string, 'superuser'))
  url.pathname = `/${database}`
  return url.href
}

const sql = (group: string, text: string, values: unknown[] = []) =>
  (on.get(group) as pg.Client).query(text, values)
const spread = (text: string) => Promise.all(['s1', 's2'].map((shard) => sql(shard, text)))

async function follow(): Promise<void> {
  const { rows } = await sql('home', 'select pgherd.note_schema_change() as noted')
  await until('the federation has followed', async () => {
    const { rowCount } = await sql('home', 'select from pgherd.schema_change where done >= $1', [
      rows[0].noted,
    ])
    return rowCount === 1
  })
}

function placement(): Placement {
  const found = herd.placement()
  if (found === null) throw new Error('no placement')
  return found
}

async function said(rows = true): Promise<string[]> {
  const drift = await checkDrift({
    database: herd.spec.database,
    placement: placement(),
    rows,
    connect: (group, database) => connect(dsnOf(group, database)),
  })
  return drift.map(describeDrift)
}

/** A key that this shard owns. */
function keyOf(shard: string): number {
  const { map } = placement()
  for (let key = 1; ; key++) if (map.shards[locateKey(map, 'int8', key)] === shard) return key
}

test('shards that are alike have no drift, however their rows and settings differ', async () => {
  await sql('s1', 'insert into users values ($1)', [keyOf('s1')])
  await sql('s2', 'insert into users values ($1)', [keyOf('s2')])
  await sql('home', 'create table notes (id int)')
  // The same rows in another order, and told in another way.
  await sql(
    's2',
    `truncate rates; insert into rates values ('USD', 1.1, '2026-01-01Z'), ('EUR', 1, '2026-01-01Z')`,
  )
  await sql('s2', `alter database ${herd.spec.database} set timezone = 'Asia/Tokyo'`)
  await follow()
  expect(await said()).toEqual([])
  await sql('s2', `alter database ${herd.spec.database} reset timezone`)
})

test('what was changed on one shard alone is named', async () => {
  await sql('s2', 'alter table users alter name drop default, alter age type bigint')
  await sql('s2', 'alter table users drop constraint users_age_check; drop index users_name')
  await sql(
    's1',
    'create table extra (id int); alter table rates add constraint cheap check (rate < 9) not valid',
  )
  await sql('s1', 'create function twice(int) returns int language sql return $1 * 2')
  await sql('s2', 'revoke select on rates from app; alter table tags enable row level security')
  await sql('s2', 'create policy mine on tags using (true)')
  expect(await said(false)).toEqual(
    expect.arrayContaining([
      `Function public.twice(integer) is on s1, and is missing on home and s2.`,
      `public.users: column name is "text default 'x'::text at place 2" on s1, "text at place 2" on s2.`,
      'public.users: column age is "integer at place 3" on s1, "bigint at place 3" on s2.',
      'public.users: constraint users_age_check is on s1, and is missing on s2.',
      'public.users: index users_name is on s1, and is missing on s2.',
      'public.rates: constraint cheap is on s1, and is missing on s2.',
      'public.rates: rights of others is "app SELECT" on s1, "nobody" on s2.',
      'public.tags: policy mine is on s2, and is missing on s1.',
      'Table public.tags is "table owned by postgres" on s1, "table with row level security owned by postgres" on s2.',
      'Table public.extra is on s1, and is not spread: nobody looks for it there.',
    ]),
  )
})

test('an index that could not be made is named', async () => {
  await sql('s1', 'alter table users add again int')
  await sql('s2', 'alter table users add again int')
  await sql('s1', 'insert into users select id, null, null, 1 from generate_series(1, 2) id')
  const failed = sql('s1', 'create unique index concurrently users_again on users (again)')
  await expect(failed).rejects.toThrow(/could not create unique index/)
  await sql('s2', 'create unique index concurrently users_again on users (again)')
  expect(await said(false)).toContain(
    'public.users: index users_again is invalid on s1: making it did not come to its end. Drop it there and make it again.',
  )
})

test('copies of a reference table that are not alike are named', async () => {
  await sql('s2', `update rates set rate = 1.2 where code = 'USD'`)
  expect(await said()).toEqual(['public.rates: the copies are not alike: 2 rows on s1; 2 rows on s2.'])
  await sql('s2', 'delete from rates')
  expect(await said()).toEqual(['public.rates: the copies are not alike: 2 rows on s1; 0 rows on s2.'])
  expect(await said(false)).toEqual([])
})

test('rows on a shard that does not own them are named, under keys of any type', async () => {
  const { map } = placement()
  const [mine, other] = [keyOf('s1'), keyOf('s2')]
  await sql('s1', 'insert into users values ($1), ($2)', [mine, other])
  const tag = ['a', 'b', 'c', 'd', 'e', 'f'].find(
    (text) => map.shards[locateKey(map, 'varchar', text)] === 's1',
  ) as string
  await sql('s2', 'insert into tags values ($1)', [tag])
  // Of ten thousand and more keys each belongs to one of the two, and both have all of them.
  await spread(
    `insert into lines select '6f2d9a54-5a0e-4d0d-8f6b-1c9f4c1d2e3f', line from generate_series(1, 12000) line`,
  )
  const found = await said()
  expect(found).toContain(`public.users: 1 row is on s1 that it does not own: ${other} (s2).`)
  expect(found).toContain(`public.tags: 1 row is on s2 that it does not own: ${tag} (s1).`)
  const lines = found.flatMap(
    (text) => /^public\.lines: ([\d,]+) rows are on s\d that it does not own/.exec(text) ?? [],
  )
  const counts = lines.filter((text) => /^[\d,]+$/.test(text)).map((text) => Number(text.replace(',', '')))
  expect(counts).toHaveLength(2)
  expect((counts[0] as number) + (counts[1] as number)).toBe(12_000)
  expect(Math.min(...counts)).toBeGreaterThan(4000)
})

test('a key that is NULL belongs to nobody', async () => {
  await spread(
    'alter table tags drop constraint tags_pkey, alter tag drop not null; insert into tags values (null)',
  )
  expect(await said()).toEqual([
    'public.tags: 1 row is on s1 that it does not own: NULL (of nobody).',
    'public.tags: 1 row is on s2 that it does not own: NULL (of nobody).',
  ])
})

test('a federation that has not followed is named, and so is a group with another placement', async () => {
  // Behind the back of whoever keeps it, which looks once a minute.
  await spread('alter table users add late int')
  await sql(
    's2',
    `update pgherd.placement set tables = tables || '{"public.more": {"kind": "reference", "key": []}}'`,
  )
  const found = await said(false)
  expect(found).toContain('public.users: column late is on the shards, and is missing on the federation.')
  expect(found[0]).toMatch(
    /^The placement is not the same in all groups: epoch 1 \([0-9a-f]+\) on home and s1; epoch 1 \([0-9a-f]+\) on s2\.$/,
  )
  await sql('s2', `update pgherd.placement set tables = tables - 'public.more'`)
})
