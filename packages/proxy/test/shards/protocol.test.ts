import pg from 'pg'
import postgres from 'postgres'
import { beforeEach, expect, test } from 'vitest'
import { connect, until } from '../../../../test/scratch-herd.js'
import {
  bind,
  describe as describeIt,
  execute,
  flush,
  parse,
  query,
  type RawClient,
  sync,
} from '../raw-client.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

// What drivers do beside one query after the other.

const there = ShardedProxy.before(twoShards('{ users: { key: id } }'), [
  'create table users (id int8 primary key, name text not null)',
  'create table notes (id int primary key)',
])

beforeEach(async () => {
  const client = await there.through()
  await client.query('truncate users')
  const rows = Array.from({ length: 10 }, (_, at) => `(${at + 1}, 'u${at + 1}')`)
  await client.query(`insert into users (id, name) values ${rows.join(', ')}`)
})

test('postgres.js prepares with a Flush, pipelines, and reads with cursors', async () => {
  const sql = postgres(there.url(), { max: 1, onnotice: () => {} })
  try {
    for (let id = 1; id <= 4; id++)
      expect(await sql`select name from users where id = ${id}`).toEqual([{ name: `u${id}` }])
    const names = await Promise.all([1, 2, 3, 4].map((id) => sql`select name from users where id = ${id}`))
    expect(names.map(([row]) => row?.name)).toEqual(['u1', 'u2', 'u3', 'u4'])
    await sql.begin(async (tx) => {
      await tx`insert into users ${tx([
        { id: 11, name: 'x' },
        { id: 12, name: 'y' },
      ])}`
      await tx`update users set name = ${'z'} where id = ${11}`
    })
    expect(await sql`select id::int, name from users where id > ${10} order by id`).toEqual([
      { id: 11, name: 'z' },
      { id: 12, name: 'y' },
    ])
    const seen: number[] = []
    await sql`select id::int as id from users where id = ${3}`.cursor(1, ([row]) => {
      seen.push(row?.id)
    })
    expect(seen).toEqual([3])
    expect(await sql`select count(*)::int as n from users`).toEqual([{ n: 12 }])
  } finally {
    await sql.end()
  }
})

interface Heard {
  readonly rows: string[][]
  readonly tags: string[]
  readonly status: string
  /** SQLSTATE. */
  readonly error: string | null
}

async function ask(client: RawClient, ...messages: Buffer[]): Promise<Heard> {
  const heard = await client.ask(...messages)
  const of = (type: string): Buffer[] =>
    heard.filter((each) => String.fromCharCode(each[0] as number) === type)
  return {
    rows: of('D').map(readRow),
    tags: of('C').map((each) => each.toString('utf8', 5, each.length - 1)),
    status: String.fromCharCode(of('Z')[0]?.[5] as number),
    error: /\0C(\w{5})\0/.exec(of('E')[0]?.toString('latin1') ?? '')?.[1] ?? null,
  }
}

function readRow(message: Buffer): string[] {
  const values: string[] = []
  for (let at = 7; at < message.length; ) {
    const length = message.readInt32BE(at)
    values.push(message.toString('utf8', at + 4, at + 4 + length))
    at += 4 + length
  }
  return values
}

test('a batch of statements up to one Sync is one transaction, on however many shards', async () => {
  const client = await there.raw()
  const add = (id: number): Buffer[] => [bind('add', [String(id), 'new']), execute()]
  const prepared = parse('add', 'insert into users (id, name) values ($1, $2)')
  const first = await ask(client, prepared, ...[21, 22, 23, 24, 25, 26].flatMap(add), sync)
  expect(first).toMatchObject({
    tags: Array.from({ length: 6 }, () => 'INSERT 0 1'),
    status: 'I',
    error: null,
  })
  const second = await ask(client, ...[27, 28, 29, 21, 30].flatMap(add), sync)
  expect(second).toMatchObject({ status: 'I', error: '23505' })
  const check = await there.through()
  expect((await check.query('select max(id)::int as n from users')).rows).toEqual([{ n: 26 }])
})

test('BEGIN, what it is for and COMMIT may come in one go', async () => {
  const client = await there.raw()
  const run = (text: string): Buffer[] => [parse('', text), bind(''), describeIt('P', ''), execute()]
  const texts = ['begin', ...[1, 2, 4].map((id) => `update users set name = 'b' where id = ${id}`), 'commit']
  const { tags, status } = await ask(client, ...texts.flatMap(run), sync)
  expect(tags).toEqual(['BEGIN', 'UPDATE 1', 'UPDATE 1', 'UPDATE 1', 'COMMIT'])
  expect(status).toBe('I')
  const check = await there.through()
  expect((await check.query(`select count(*)::int as n from users where name = 'b'`)).rows).toEqual([
    { n: 3 },
  ])
})

test('a portal is gone on with where it was begun, whatever comes in between', async () => {
  const client = await there.raw()
  expect((await ask(client, query('begin'))).status).toBe('T')
  const few = parse('few', 'select g from users, generate_series(1, 5) g where id = 1')
  const portal = bind('few', [], { portal: 'p' })
  expect((await ask(client, few, portal, execute('p', 2), sync)).rows).toEqual([['1'], ['2']])
  for (const id of [1, 2, 3, 4])
    expect((await ask(client, query(`select name from users where id = ${id}`))).rows).toEqual([[`u${id}`]])
  expect((await ask(client, execute('p', 2), sync)).rows).toEqual([['3'], ['4']])
  expect((await ask(client, query('rollback'))).status).toBe('I')
})

test('after a Flush it goes on where the key says, and after an error up to the Sync nothing does', async () => {
  const client = await there.raw()
  for (const id of [1, 2, 3]) {
    client.send(parse('', 'select name from users where id = $1'), describeIt('S', ''), flush)
    expect((await client.hear('T')).map((each) => String.fromCharCode(each[0] as number))).toEqual([
      '1',
      't',
      'T',
    ])
    expect((await ask(client, bind('', [String(id)]), execute(), sync)).rows).toEqual([[`u${id}`]])
  }
  client.send(parse('', 'select nothing from users'), describeIt('S', ''), flush)
  expect((await client.hear('E')).length).toBe(1)
  expect(await ask(client, bind('', []), execute(), sync)).toEqual({
    rows: [],
    tags: [],
    status: 'I',
    error: null,
  })
  expect((await ask(client, query('select name from users where id = 2'))).rows).toEqual([['u2']])
})

test('a cursor reads one shard, or all of them', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query('declare one cursor for select name from users where id = 7')
  await client.query('declare every cursor for select id::int from users order by id')
  expect((await client.query('fetch 3 from every')).rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
  expect((await client.query('fetch all from one')).rows).toEqual([{ name: 'u7' }])
  expect((await client.query('fetch 2 from every')).rows).toEqual([{ id: 4 }, { id: 5 }])
  await client.query('close every')
  await client.query('commit')
})

test('keys come in binary too, and in arrays', async () => {
  const client = await there.raw()
  const one = parse('one', 'select name from users where id = $1')
  await ask(client, one, sync)
  const big = Buffer.alloc(8)
  for (const id of [1n, 2n, 3n]) {
    big.writeBigInt64BE(id)
    const { rows } = await ask(client, bind('one', [Buffer.from(big)], { format: 1 }), execute(), sync)
    expect(rows).toEqual([[`u${id}`]])
  }
  const any = parse('', 'select name from users where id = any($1::int8[]) order by 1')
  expect((await ask(client, any, bind('', ['{1,2,3}']), execute(), sync)).rows).toEqual([
    ['u1'],
    ['u2'],
    ['u3'],
  ])
})

test('what waits for a lock on several shards can be cancelled, and leaves nothing', async () => {
  const [holder, waiter] = [await there.through(), await there.through()]
  await holder.query('begin')
  await holder.query(`update users set name = 'held' where id = 1`)
  const waiting = waiter.query(`update users set name = 'waited'`)
  const failed = expect(waiting).rejects.toMatchObject({ code: '57014' })
  const shards = await Promise.all(['s1', 's2'].map((group) => connect(there.dsnOf(group, 'superuser'))))
  await until('it waits', async () => {
    const asked = `select from pg_stat_activity where wait_event_type = 'Lock'`
    const found = await Promise.all(shards.map((shard) => shard.query(asked)))
    return found.some(({ rowCount }) => rowCount === 1)
  })
  const canceller = new pg.Client(there.url())
  ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
    waiter,
    (waiter as unknown as { _activeQuery: unknown; activeQuery: unknown })._activeQuery,
  )
  await failed
  await holder.query('rollback')
  expect((await waiter.query(`select count(*)::int as n from users where name = 'waited'`)).rows).toEqual([
    { n: 0 },
  ])
})

test('settings without a connection of their own go along, whatever the group', async () => {
  const client = await there.through()
  await client.query(`set timezone = 'Asia/Tokyo'`)
  for (const id of [1, 2, 3])
    expect(
      (await client.query(`select current_setting('timezone') as t from users where id = ${id}`)).rows,
    ).toEqual([{ t: 'Asia/Tokyo' }])
  for (const other of [`set client_encoding = 'LATIN1'`, 'set standard_conforming_strings = off'])
    await expect(client.query(other)).rejects.toMatchObject({ code: '0A000' })
  for (const same of [
    `set client_encoding to 'UTF8'`,
    `set names 'utf-8'`,
    'set standard_conforming_strings = on',
  ])
    expect((await client.query(same)).command).toBe('SET')
  expect((await client.query('select name from users where id = 1')).rows).toEqual([{ name: 'u1' }])
})

test('the plan says on which nodes a statement was run', async () => {
  const client = await there.through()
  await client.query('select name from users where id = 1')
  expect((await client.query('show pgherd.plan')).rows).toMatchObject([{ connection: 'shared' }])
  await client.query(`update users set name = 'x'`)
  expect((await client.query('show pgherd.plan')).rows).toMatchObject([
    { connection: 'own', why: 'its rows are in several groups' },
  ])
})

test('SQL prepares statements, and EXECUTE goes where its arguments say', async () => {
  const client = await there.through()
  await client.query('prepare one (int8) as select id::int, name from users where id = $1')
  await client.query('prepare "Add" as insert into users values ($1, $2), ($3, $4) returning id::int')
  await client.query(`prepare every as select count(*)::int as n from users where name <> $1`)
  await client.query('prepare home as select $1::int + 1 as n')
  for (const id of [1, 2, 3, 4])
    expect((await client.query(`execute one(${id})`)).rows).toEqual([{ id, name: `u${id}` }])
  expect(await client.query(`execute "Add" (21, 'it''s', 22, null)`).catch(({ code }) => code)).toBe('23502')
  expect((await client.query(`execute "Add" (21, 'it''s', -22, 'x')`)).rows).toEqual([
    { id: 21 },
    { id: -22 },
  ])
  expect((await client.query(`execute every ('it''s')`)).rows).toEqual([{ n: 11 }])
  expect((await client.query('execute home(1)')).rows).toEqual([{ n: 2 }])
  await client.query('begin')
  await client.query(`execute "Add" (31, 'a', 32, 'b')`)
  expect((await client.query('execute one(31)')).rows).toEqual([{ id: 31, name: 'a' }])
  await client.query('rollback')
  expect((await client.query('execute one(31)')).rows).toEqual([])
  for (const [text, code] of [
    ['execute one(1, 2)', '42601'],
    ['execute one(1 + 1)', '0A000'],
    ['execute none(1)', '26000'],
    ['prepare one as select * from users', '42P05'],
    ['prepare one as select 1', '42P05'],
    ['prepare home as select * from users', '42P05'],
    ['prepare bad as select nothing from users', '42703'],
  ] as const)
    await expect(client.query(text), text).rejects.toMatchObject({ code })
  await client.query('deallocate one')
  await expect(client.query('execute one(1)')).rejects.toMatchObject({ code: '26000' })
  await client.query('deallocate all')
  await expect(client.query(`execute every ('x')`)).rejects.toMatchObject({ code: '26000' })
  await client.query('prepare one as select name from users where id = $1')
  await client.query('discard all')
  await expect(client.query('execute one(1)')).rejects.toMatchObject({ code: '26000' })
})

test('a cursor WITH HOLD outlives its transaction, of one shard and of all', async () => {
  const client = await there.through()
  const next = async (name: string): Promise<unknown[]> => (await client.query(`fetch 2 from ${name}`)).rows
  await client.query('declare alone cursor with hold for select id::int from users order by id')
  await client.query('begin')
  await client.query('declare one cursor with hold for select name from users where id = 7')
  await client.query('declare every cursor with hold for select id::int from users order by id')
  await client.query('declare gone cursor for select id::int from users order by id')
  expect(await next('every')).toEqual([{ id: 1 }, { id: 2 }])
  await client.query('commit')
  expect(await next('every')).toEqual([{ id: 3 }, { id: 4 }])
  expect(await next('one')).toEqual([{ name: 'u7' }])
  await expect(next('gone')).rejects.toMatchObject({ code: '34000' })
  await client.query('begin')
  await client.query('declare undone cursor with hold for select name from users where id = 7')
  await client.query('rollback')
  await expect(next('undone')).rejects.toMatchObject({ code: '34000' })
  expect(await next('alone')).toEqual([{ id: 1 }, { id: 2 }])
  await client.query('close every')
  await expect(next('every')).rejects.toMatchObject({ code: '34000' })
  await client.query('begin')
  await client.query(`update users set name = 'x'`)
  for (const id of [1, 2, 3, 4])
    await client.query(`declare late${id} cursor with hold for select name from users where id = ${id}`)
  // PostgreSQL does not prepare what has made one: nothing of it stays.
  await expect(client.query('commit')).rejects.toMatchObject({ code: '0A000' })
  expect((await client.query(`select count(*)::int as n from users where name = 'x'`)).rows).toEqual([
    { n: 0 },
  ])
})
