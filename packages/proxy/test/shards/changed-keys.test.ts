import type pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { bind, describe as describeIt, execute, parse, query, sync } from '../raw-client.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

const there = ShardedProxy.before(
  twoShards(
    '{ users: { key: id }, archive: { key: id }, teams: { key: id }, members: { key: team }, products: { kind: reference } }',
  ),
  [
    'create table users (id int8 primary key, name text not null, at timestamptz, tags text[])',
    'create table archive (id int8 primary key, name text)',
    'create table teams (id int8 primary key)',
    'create table members (team int8 references teams on update cascade, name text)',
    'create table products (id int primary key, name text)',
    'create table notes (id int primary key, text text)',
  ],
)

beforeEach(async () => {
  const client = await there.through()
  for (const table of ['users', 'archive', 'teams', 'members', 'products', 'notes'])
    await client.query(`truncate ${table}${table === 'teams' ? ' cascade' : ''}`)
})

async function addUsers(client: pg.Client, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, at) => `(${at + 1}, 'u${at + 1}', now(), '{a,"b, c"}')`)
  await client.query(`insert into users values ${rows.join(', ')}`)
}

/** The ids that each shard has by itself. */
async function placed(table: string): Promise<number[][]> {
  const found: number[][] = []
  for (const group of ['s1', 's2']) {
    const shard = await there.open(there.dsnOf(group))
    found.push((await shard.query(`select id::int from ${table} order by id`)).rows.map(({ id }) => id))
  }
  return found
}

/** Each row is on the shard that a statement with its key goes to. */
async function expectInPlace(client: pg.Client, table: string, ids: readonly number[]): Promise<void> {
  expect((await placed(table)).flat().sort((a, b) => a - b)).toEqual(ids)
  for (const id of ids)
    expect((await client.query(`select id::int from ${table} where id = $1`, [id])).rows).toEqual([{ id }])
}

function typesOf(heard: readonly Buffer[]): string {
  return heard.map((each) => String.fromCharCode(each[0] as number)).join('')
}

describe('an UPDATE of the shard key', () => {
  test('I8: moves rows to where they belong, with all that they hold', async () => {
    const client = await there.through()
    await addUsers(client, 12)
    const before = (await client.query('select name, at, tags from users order by name')).rows
    const moved = await client.query('update users set id = id + 100')
    expect({ command: moved.command, rowCount: moved.rowCount, rows: moved.rows }).toEqual({
      ...{ command: 'UPDATE', rowCount: 12, rows: [] },
    })
    await expectInPlace(
      client,
      'users',
      Array.from({ length: 12 }, (_, at) => 101 + at),
    )
    expect((await client.query('select name, at, tags from users order by name')).rows).toEqual(before)
  })

  test('returns what it is asked for, by text and by parameters, in text and in binary', async () => {
    const client = await there.through()
    await addUsers(client, 6)
    const simple = await client.query(
      `update users set id = id + 10 where id in (1, 2, 3) returning id::int, name`,
    )
    expect(simple.rows.sort((a, b) => a.id - b.id)).toEqual([
      { id: 11, name: 'u1' },
      { id: 12, name: 'u2' },
      { id: 13, name: 'u3' },
    ])
    expect(simple.fields.map(({ name }) => name)).toEqual(['id', 'name'])
    const text = 'update users set id = $2, name = $3 where id = $1 returning name, id::int'
    for (const [from, to] of [
      [11, 21],
      [21, 22],
      [22, 22],
    ])
      expect((await client.query({ name: 'move', text, values: [from, to, `was ${from}`] })).rows).toEqual([
        { name: `was ${from}`, id: to },
      ])
    const raw = await there.raw()
    const heard = await raw.ask(
      parse('', text),
      describeIt('S', ''),
      bind('', ['4', '44', 'four'], { resultFormat: 1 }),
      describeIt('P', ''),
      execute(),
      sync,
    )
    expect(typesOf(heard)).toBe('1tT2TDCZ')
    const row = heard.find((each) => each[0] === 0x44) as Buffer
    expect(row.subarray(5).toString('hex')).toBe(
      `0002${'00000004'}${Buffer.from('four').toString('hex')}000000040000002c`,
    )
    const unasked = await raw.ask(
      parse('', 'update users set id = $2 where id = $1'),
      bind('', ['5', '55']),
      describeIt('P', ''),
      execute(),
      sync,
    )
    expect(typesOf(unasked)).toBe('12nCZ')
    expect(typesOf(await raw.ask(query('update users set id = 66 where id = 6')))).toBe('CZ')
    await expectInPlace(client, 'users', [12, 13, 22, 44, 55, 66])
  })

  test('is part of its transaction, and seen there', async () => {
    const client = await there.through()
    await addUsers(client, 4)
    await client.query('begin')
    await client.query(`insert into notes values (1, 'n')`)
    await client.query('savepoint a')
    await client.query('update users set id = id + 10')
    expect((await client.query('select name from users where id = 11')).rows).toEqual([{ name: 'u1' }])
    await client.query('rollback to a')
    await client.query('update users set id = id + 20 where id < 3')
    await client.query('commit')
    await expectInPlace(client, 'users', [3, 4, 21, 22])
    await client.query('begin')
    await client.query('update users set id = id + 100')
    await client.query('rollback')
    await expectInPlace(client, 'users', [3, 4, 21, 22])
  })

  test('takes effect on all shards or none', async () => {
    const client = await there.through()
    await addUsers(client, 8)
    await expect(client.query('update users set id = 5 where id <= 4')).rejects.toMatchObject({
      code: '23505',
    })
    await expect(client.query('update users set id = id + 100')).resolves.toMatchObject({ rowCount: 8 })
    await expect(client.query('update users set id = null where id = 105')).rejects.toMatchObject({
      message: expect.stringContaining('null value'),
    })
    await expectInPlace(client, 'users', [101, 102, 103, 104, 105, 106, 107, 108])
  })

  test('is refused where one database would do more with it', async () => {
    const client = await there.through()
    await client.query('insert into teams values (1), (2), (3)')
    await expect(client.query('update teams set id = id + 10')).rejects.toMatchObject({ code: '0A000' })
    await client.query('begin')
    await expect(client.query('update teams set id = id + 10')).rejects.toMatchObject({ code: '0A000' })
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
  })
})

describe('INSERT … SELECT', () => {
  test('from whichever group to whichever', async () => {
    const client = await there.through()
    await client.query(`insert into notes select g, 'note ' || g from generate_series(1, 2500) g`)
    const added = await client.query(`insert into users (id, name) select id, text from notes`)
    expect(added).toMatchObject({ command: 'INSERT', rowCount: 2500 })
    const counts = (await placed('users')).map(({ length }) => length)
    expect((counts[0] as number) + (counts[1] as number)).toBe(2500)
    expect(Math.min(...counts)).toBeGreaterThan(1000)
    const turned = 'insert into archive (id, name) select id + 1, name from users where id <= $1'
    expect((await client.query(turned, [6])).rowCount).toBe(6)
    await expectInPlace(client, 'archive', [2, 3, 4, 5, 6, 7])
    expect(
      (await client.query(`insert into products select id, name from archive where id < 4`)).rowCount,
    ).toBe(2)
    expect(await placed('products')).toEqual([
      [2, 3],
      [2, 3],
    ])
  })

  test('returns its rows, in either protocol', async () => {
    const client = await there.through()
    await addUsers(client, 5)
    const text = 'insert into archive select id + $1, name from users order by id returning id::int, name'
    const rows = (by: number): object[] =>
      Array.from({ length: 5 }, (_, at) => ({ id: at + 1 + by, name: `u${at + 1}` }))
    expect((await client.query(text, [10])).rows).toEqual(rows(10))
    expect((await client.query(text.replace('$1', '20'))).rows).toEqual(rows(20))
    const raw = await there.raw()
    const heard = await raw.ask(
      parse('c', text),
      describeIt('S', 'c'),
      bind('c', ['30']),
      describeIt('P', ''),
      execute(),
      sync,
    )
    expect(typesOf(heard)).toBe('1tT2TDDDDDCZ')
    expect(typesOf(await raw.ask(bind('c', ['40']), execute(), sync))).toBe('2DDDDDCZ')
    const none = await raw.ask(query('insert into archive select id + 50, name from users'))
    expect(typesOf(none)).toBe('CZ')
    const some = await raw.ask(query('insert into archive select id + 60, name from users returning name'))
    expect(typesOf(some)).toBe('TDDDDDCZ')
    expect(typesOf(await raw.ask(bind('c', []), execute(), sync))).toBe('EZ')
  })

  test('is part of its transaction, and leaves nothing of it where one row fails', async () => {
    const client = await there.through()
    await client.query(`insert into notes values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')`)
    await client.query('begin')
    await client.query(`insert into notes values (5, 'own')`)
    await client.query('insert into users (id, name) select id, text from notes')
    expect((await client.query('select name from users where id = 5')).rows).toEqual([{ name: 'own' }])
    await client.query('rollback')
    expect(await placed('users')).toEqual([[], []])
    await client.query(`insert into users (id, name) values (3, 'there')`)
    await expect(
      client.query('insert into users (id, name) select id, text from notes'),
    ).rejects.toMatchObject({ code: '23505' })
    expect((await placed('users')).flat()).toEqual([3])
    const upsert =
      'insert into users (id, name) select id, text from notes on conflict (id) do update set name = excluded.name'
    expect((await client.query(upsert)).rowCount).toBe(4)
    await expect(
      client.query(`insert into users (id, name) select null, text from notes`),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^2/) })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('both in one pipeline with others are one transaction', async () => {
    const client = await there.through()
    await addUsers(client, 4)
    const raw = await there.raw()
    const run = (text: string): Buffer[] => [parse('', text), bind(''), describeIt('P', ''), execute()]
    const texts = [
      'update users set id = id + 10',
      'insert into archive select id + 1, name from users where id = 11',
      `insert into notes values (1, 'n')`,
      'select name from users where id = 12',
    ]
    expect(typesOf(await raw.ask(...texts.flatMap(run), sync))).toBe('12nC12nC12nC12TDCZ')
    await expectInPlace(client, 'users', [11, 12, 13, 14])
    await expectInPlace(client, 'archive', [12])
    const failing = await raw.ask(
      ...[...texts.slice(0, 1), `insert into notes values (1, 'n')`].flatMap(run),
      sync,
    )
    expect(typesOf(failing)).toBe('12nC12nEZ')
    await expectInPlace(client, 'users', [11, 12, 13, 14])
  })
})
