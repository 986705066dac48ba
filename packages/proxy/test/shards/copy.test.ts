import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { beforeEach, expect, test } from 'vitest'
import { connect, until } from '../../../../test/scratch-herd.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

const there = ShardedProxy.before(twoShards('{ users: { key: id }, products: { kind: reference } }'), [
  'create table users (id int8 primary key, name text not null)',
  'create table products (id int primary key, name text)',
])

beforeEach(async () => {
  const client = await there.through()
  await client.query('truncate users')
  await client.query('truncate products')
})

async function copyIn(
  client: pg.Client,
  text: string,
  pieces: readonly (string | Buffer)[],
): Promise<number> {
  const stream = client.query(copyFrom(text))
  await pipeline(Readable.from(pieces), stream)
  return stream.rowCount
}

async function countOn(group: string, table = 'users'): Promise<number> {
  const client = await connect(there.dsnOf(group))
  return (await client.query(`select count(*)::int as n from ${table}`)).rows[0].n
}

test('what is copied goes row by row to its shard, however it comes in pieces', async () => {
  const client = await there.through()
  const rows = Array.from({ length: 5000 }, (_, id) => `${id}\tuser ${id}\n`).join('')
  const bytes = Buffer.from(rows)
  const pieces = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, at) =>
    bytes.subarray(at * 777, (at + 1) * 777),
  )
  expect(await copyIn(client, 'copy users from stdin', pieces)).toBe(5000)
  const counts = [await countOn('s1'), await countOn('s2')] as const
  expect(counts[0] + counts[1]).toBe(5000)
  expect(Math.min(...counts)).toBeGreaterThan(2000)
  for (const id of [0, 17, 4999])
    expect((await client.query('select name from users where id = $1', [id])).rows).toEqual([
      { name: `user ${id}` },
    ])
})

test('CSV and a reference table are copied too', async () => {
  const client = await there.through()
  const csv = 'id,name\n1,"a ""quoted""\nname"\n2,b\n3,c\n'
  expect(await copyIn(client, 'copy users (id, name) from stdin csv header', [csv])).toBe(3)
  expect((await client.query('select name from users where id = 1')).rows).toEqual([
    { name: 'a "quoted"\nname' },
  ])
  expect(await copyIn(client, 'copy products from stdin', ['1\tbook\n2\tpen\n'])).toBe(2)
  expect([await countOn('s1', 'products'), await countOn('s2', 'products')]).toEqual([2, 2])
})

test('what is wrong with one row leaves nothing on any shard, and the session goes on', async () => {
  const client = await there.through()
  const good = Array.from({ length: 50 }, (_, id) => `${id}\tuser\n`)
  for (const [bad, code] of [
    ['\\N\tnobody\n', '23502'],
    ['x\tnobody\n', '22P02'],
    ['51\t\\N\n', '23502'],
    ['7\tagain\n', '23505'],
    ['51\n', '22P04'],
  ]) {
    await expect(
      copyIn(client, 'copy users from stdin', [...good, bad as string, '99\tlast\n']),
    ).rejects.toMatchObject({
      code,
    })
    expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
  }
})

test('in a transaction it is part of that', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query(`insert into users values (100, 'before')`)
  expect(await copyIn(client, 'copy users from stdin', ['1\ta\n2\tb\n3\tc\n'])).toBe(3)
  await client.query('rollback')
  expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
  await client.query('begin')
  expect(await copyIn(client, 'copy users from stdin', ['1\ta\n2\tb\n3\tc\n'])).toBe(3)
  await client.query('commit')
  expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 3 }])
})

test('who goes away, or gives it up, in the middle of it leaves nothing', async () => {
  const leaver = await there.through()
  const stream = leaver.query(copyFrom('copy users from stdin'))
  stream.write(Array.from({ length: 3000 }, (_, id) => `${id}\tuser\n`).join(''))
  await new Promise((resolve) => setTimeout(resolve, 50))
  stream.on('error', () => {})
  ;(leaver as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  const client = await there.through()
  const given = client.query(copyFrom('copy users from stdin'))
  given.write('1\ta\n2\tb\n')
  const failed = new Promise((resolve) => given.on('error', resolve))
  given.destroy(new Error('changed my mind'))
  await failed
  await until('nobody holds a connection', () =>
    there.proxy.facts.servers.every(({ state }) => state !== 'in transaction'),
  )
  const after = await there.through()
  expect((await after.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
  expect(await copyIn(after, 'copy users from stdin', ['1\ta\n2\tb\n3\tc\n'])).toBe(3)
})

test('who copies while a server is lost is told, and nothing is copied', async () => {
  const client = await there.through()
  const stream = client.query(copyFrom('copy users from stdin'))
  const failed = new Promise<{ code?: string }>((resolve) => stream.on('error', resolve))
  // So many that every shard has got some.
  stream.write(Array.from({ length: 30_000 }, (_, id) => `${id}\tuser\n`).join(''))
  const shard = await connect(there.dsnOf('s2', 'superuser'))
  await until('it is under way', async () => {
    const asked = `select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy users%' and pid <> pg_backend_pid()`
    return (await shard.query(asked)).rowCount === 1
  })
  const { code } = await failed
  expect(code).toBe('08006')
  const after = await there.through()
  expect((await after.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
})

test('what all shards have is copied out', async () => {
  const client = await there.through()
  await copyIn(client, 'copy users from stdin', ['1\ta\n2\tb\n3\tc\n'])
  const outOf = async (text: string): Promise<string[]> => {
    const pieces: Buffer[] = []
    for await (const piece of client.query(copyTo(text))) pieces.push(piece as Buffer)
    return Buffer.concat(pieces).toString().trim().split('\n').sort()
  }
  expect(await outOf('copy users to stdout')).toEqual(['1\ta', '2\tb', '3\tc'])
  expect(await outOf('copy (select name from users where id = 2) to stdout')).toEqual(['b'])
})
