import { setTimeout as sleep } from 'node:timers/promises'
import type { AddedShard, KeyPlace, ShardsView, SqlAnswer, TableView } from '@pgherd/core/api'
import { beforeAll, expect, test } from 'vitest'
import { Described, type ScratchApi, scratchApi, until } from './scratch-api.js'

const SPEC = `groups: [{ name: s, count: 2, nodes: 1 }]
sharding:
  groups: [s1, s2]
  home: s1
  tables: { users: { key: id }, countries: { kind: reference } }
  virtualNodes: 64
`
let scratch: ScratchApi
let api: Described

beforeAll(async () => {
  scratch = await scratchApi(SPEC)
  api = await Described.at(scratch.url)
  await sql('create table users (id bigint primary key, name text)')
  await sql('create table countries (code text primary key)')
  await sql('create table notes (id int primary key)')
  await sql(
    `insert into users values ${Array.from({ length: 200 }, (_, n) => `(${n}, 'user ${n}')`).join(', ')}`,
  )
})

async function sql(text: string, values: string[] = []): Promise<SqlAnswer> {
  return (await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body: { text, values } })).body
}

test('a statement by key goes to one shard, one of all to each, and says so', async () => {
  const { body: place } = await api.ask<KeyPlace>('/v1/shards/where', '/v1/shards/where?table=users&key=7')
  const one = await sql('select name from users where id = $1', ['7'])
  expect(one).toMatchObject({
    rows: [['user 7']],
    plan: { kind: 'one group', groups: [place.shard], node: `${place.shard}-1` },
  })
  const all = await sql('select count(*) from users')
  expect(all).toMatchObject({ rows: [['200']], plan: { kind: 'scatter', node: null } })
  expect([...(all.plan?.groups ?? [])].sort()).toEqual(['s1', 's2'])
  const moved = await sql("update users set name = 'x' where id < 10")
  expect(moved).toMatchObject({ rowCount: 10, plan: { kind: 'several groups', node: null } })
  const spread = await sql("insert into users select g, 'y' from generate_series(1000, 1020) g")
  expect(spread).toMatchObject({ rowCount: 21, plan: { kind: 'several groups', groups: ['s1', 's2'] } })
  expect(await sql('delete from users where id >= 1000')).toMatchObject({ rowCount: 21 })
  const joined = await sql('select count(*) from users u join notes n on n.id = u.id')
  expect(joined).toMatchObject({ rows: [['0']], plan: { kind: 'federation' } })
})

test('what was really done is said, also where it is known only by the answers, and of EXPLAIN as it explains', async () => {
  const texts = [
    'select count(*) from users',
    'select id, name from users order by id limit 3',
    'select u.id from users u join notes n on n.id = u.id',
    'select array_agg(name) from users',
    // Records are in no order that is known here.
    'select (name, id) as both from users order by 1',
  ]
  const seen = new Set<string>()
  for (const text of texts) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { body } = await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body: { text, explain: true } })
    const isFederated = /^Federation, since (.*)/.exec(body.explain ?? '')
    const kind = isFederated === null ? 'scatter' : 'federation'
    if (isFederated === null) expect(body.explain, text).toMatch(/^Shards s1, s2, put together here/)
    else expect(body.plan?.why, text).toBe(`one server asks all shards, since ${isFederated[1]}`)
    expect(body.plan, text).toMatchObject({ kind, role: kind === 'scatter' ? null : 'primary' })
    const explained = await sql(`explain ${text}`)
    expect(explained.plan?.kind, `explain ${text}`).toBe(kind)
    expect(explained.rows[0]?.[0]).toBe(body.explain?.split('\n')[0])
    seen.add(kind)
  }
  expect([...seen].sort()).toEqual(['federation', 'scatter'])
})

test('what several groups say alike is told once, what they say of different things each time', async () => {
  const again = await sql('create table if not exists users (id bigint primary key, name text)')
  expect(again).toMatchObject({
    notices: ['NOTICE: relation "users" already exists, skipping'],
    plan: {
      kind: 'several groups',
      groups: ['s1', 's2'],
      why: 'each of these groups does it, in one transaction over them where that is possible',
    },
  })
  await sql(
    "create function say() returns trigger language plpgsql as $$ begin raise notice '% changes', new.id; return new; end $$",
  )
  await sql('create trigger say after insert on users for each row execute function say()')
  const { notices } = await sql("insert into users values (1001, 'a'), (1002, 'b'), (1003, 'c'), (1004, 'd')")
  expect(notices.sort()).toEqual([1001, 1002, 1003, 1004].map((id) => `NOTICE: ${id} changes`))
  await sql('drop trigger say on users')
})

test('of rows of all shards no more come than are asked for', async () => {
  const body = { text: 'select id from users order by id', maxRows: 5 }
  const answer = (await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body })).body
  expect(answer.rows).toEqual([['0'], ['1'], ['2'], ['3'], ['4']])
  expect(answer.isTruncated).toBe(true)
})

test('what cannot be done over shards is refused with its code', async () => {
  expect(
    await api.refused('/v1/sql', '/v1/sql', { body: { text: "insert into users (name) values ('nobody')" } }),
  ).toMatchObject({ status: 422, code: 'SHARD_KEY_MISSING' })
})

test('rows are known, about, before anything was analysed', async () => {
  const rowsOf = async (): Promise<(number | null)[]> => {
    // What is costly may be asked five times a second.
    await sleep(250)
    const { shards } = (await api.ask<ShardsView>('/v1/shards', '/v1/shards')).body
    return shards.map(({ rows }) => rows)
  }
  // PostgreSQL's own counts come a second late.
  await until('each shard says', async () => (await rowsOf()).every((rows) => rows !== null && rows > 50))
  const { tables } = (await api.ask<{ tables: TableView[] }>('/v1/tables', '/v1/tables')).body
  expect(tables.find(({ name }) => name === 'users')?.rows).toBeGreaterThanOrEqual(200)
})

test('the map, what each shard holds, and what one more would move', async () => {
  const { body: shards } = await api.ask<ShardsView>('/v1/shards', '/v1/shards')
  expect(shards).toMatchObject({
    strategy: 'consistent-hash',
    home: 's1',
    tables: [
      { name: 'public.countries', kind: 'reference', key: [] },
      { name: 'public.users', kind: 'sharded', key: ['id'] },
    ],
  })
  expect(shards.shards.reduce((sum, { share }) => sum + (share ?? 0), 0)).toBeCloseTo(1)
  expect(shards.stretches[0]).toMatchObject({ start: 0 })
  expect(shards.stretches.length).toBeLessThanOrEqual(2000)

  const { body: added } = await api.ask<AddedShard>('/v1/shards/compare', '/v1/shards/compare')
  expect(added).toMatchObject({ shards: 3, ideal: 1 / 3 })
  const [gained] = added.perShard.filter(({ before }) => before === 0)
  expect(gained?.name).toBe('s3')
  // Of consistent hashing nothing moves but what the new shard gets.
  expect(added.movedShare).toBeCloseTo(gained?.after ?? 0)
})

test('tables are those of all groups, with rows and bytes over all shards', async () => {
  const { tables } = (await api.ask<{ tables: TableView[] }>('/v1/tables', '/v1/tables')).body
  expect(tables.map(({ name, placement }) => `${name} ${placement}`)).toEqual([
    'countries reference',
    'notes home',
    'users sharded',
  ])
  expect(tables[2]).toMatchObject({ key: ['id'], bytes: expect.any(Number) })
})

test.each([
  ['/v1/shards/where?table=notes&key=1', 'USAGE'],
  ['/v1/shards/where?table=users&key=many', 'SHARD_KEY_INVALID'],
  ['/v1/shards/where?table=users&key=1&key=2', 'USAGE'],
  ['/v1/shards/where?table=users', 'USAGE'],
  ["/v1/shards/where?table=users'%3B--&key=1", 'USAGE'],
])('I9: %s is refused as %s', async (path, code) => {
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(await api.refused('/v1/shards/where', path)).toMatchObject({ code })
})
