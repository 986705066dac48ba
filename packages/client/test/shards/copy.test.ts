import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, until } from '../../../../test/scratch-herd.js'
import type { Pool } from '../../src/index.js'
import { ShardedPool } from './sharded-pool.js'

let fixture: ShardedPool
let pool: Pool

beforeAll(async () => {
  fixture = await ShardedPool.open({
    placement: `
  tables:
    users: { key: id }
    lines: { key: [shop, line] }
    rates: { kind: reference }`,
  })
  pool = fixture.pool
  await pool.query(
    `create table users (name text, id bigint primary key, size int generated always as (length(name)) stored)`,
  )
  await pool.query('create table lines (shop text, line int, note text, unique (shop, line))')
  await pool.query('create table rates (code text primary key, rate numeric)')
  await pool.query('create table notes (text text)')
}, 180_000)

beforeEach(async () => {
  for (const table of ['users', 'lines', 'rates', 'notes']) await pool.query(`truncate ${table}`)
})

afterAll(() => fixture.close())

/** Copies in; says how many rows it was. */
async function copyIn(
  client: pg.ClientBase,
  text: string,
  pieces: Iterable<Buffer | string>,
): Promise<number> {
  const stream = client.query(copyFrom(text))
  await pipeline(Readable.from(pieces), stream)
  return stream.rowCount
}

async function copyOut(client: pg.ClientBase, text: string): Promise<string> {
  let all = ''
  const collect = new Writable({
    write(piece: Buffer, _encoding, done) {
      all += piece.toString()
      done()
    },
  })
  await pipeline(client.query(copyTo(text)), collect)
  return all
}

async function usersOf(): Promise<{ id: string; name: string; size: number }[]> {
  return (await pool.query('select id::text, name, size from users order by users.id')).rows
}

async function nothingIsPrepared(): Promise<void> {
  expect((await fixture.onEach('select from pg_prepared_xacts')).flat()).toEqual([])
}

function userLines(count: number): string {
  return Array.from({ length: count }, (_, id) => `user ${id}\t${id}\n`).join('')
}

test('rows come to their shards, in text, in CSV and in binary', async () => {
  await fixture.withClient(async (client) => {
    expect(await copyIn(client, 'copy users from stdin', [userLines(300)])).toBe(300)
    const csv = ['id,name\r\n', '1000,"a\nb"\r\n10', '01,"c ""d"""\r\n']
    expect(
      await copyIn(client, 'copy users (id, name) from stdin with (format csv, header match)', csv),
    ).toBe(2)
    const plain = await connect(fixture.dsnOf('home'))
    await plain.query('create temp table source (shop text, line int, note text)')
    await plain.query(`insert into source select 's' || n % 7, n, null from generate_series(1, 200) n`)
    const pieces: Buffer[] = []
    await pipeline(
      plain.query(copyTo('copy source to stdout with (format binary)')),
      new Writable({
        write(piece: Buffer, _encoding, done) {
          pieces.push(piece)
          done()
        },
      }),
    )
    expect(await copyIn(client, 'copy lines from stdin with (format binary)', pieces)).toBe(200)
  })
  const users = await usersOf()
  expect(users.length).toBe(302)
  expect(users.slice(-2)).toEqual([
    { id: '1000', name: 'a\nb', size: 3 },
    { id: '1001', name: 'c "d"', size: 5 },
  ])
  for (const part of await fixture.onEach('select id from users')) expect(part.length).toBeGreaterThan(50)
  for (const id of [0, 7, 299, 1001])
    expect((await pool.query('select from users where id = $1', [id])).rowCount).toBe(1)
  expect((await pool.query(`select count(*)::int as n from lines`)).rows).toEqual([{ n: 200 }])
  for (const line of [1, 70, 200])
    expect(
      (await pool.query('select from lines where shop = $1 and line = $2', [`s${line % 7}`, line])).rowCount,
    ).toBe(1)
  await nothingIsPrepared()
})

test('a reference table is copied to every shard, and a table of the home group to home', async () => {
  await fixture.withClient(async (client) => {
    expect(await copyIn(client, 'copy rates from stdin csv', ['EUR,1\nUSD,1.1\n'])).toBe(2)
    expect(await copyIn(client, 'copy notes from stdin', ['one\ntwo\n'])).toBe(2)
    expect(await copyOut(client, 'copy rates to stdout')).toBe('EUR\t1\nUSD\t1.1\n')
    expect(await copyOut(client, 'copy notes to stdout')).toBe('one\ntwo\n')
  })
  for (const copy of await fixture.onEach('select code from rates order by code'))
    expect(copy).toEqual([{ code: 'EUR' }, { code: 'USD' }])
  expect((await pool.query('select text from notes')).rows).toEqual([{ text: 'one' }, { text: 'two' }])
})

test('what is spread is copied out as one database has it', async () => {
  await fixture.withClient(async (client) => {
    await copyIn(client, 'copy users from stdin', [userLines(100)])
    const all = (await copyOut(client, `copy users to stdout with (format csv, header)`))
      .trimEnd()
      .split('\n')
    expect(all[0]).toBe('name,id')
    expect(all.length).toBe(101)
    expect(new Set(all).has('user 42,42')).toBe(true)
    expect(
      await copyOut(client, 'copy (select id, name from users order by id desc limit 2) to stdout'),
    ).toBe('99\tuser 99\n98\tuser 98\n')
    expect(await copyOut(client, 'copy (select name from users where id = 5) to stdout')).toBe('user 5\n')
    // What follows waits until it has ended.
    const stream = client.query(copyTo('copy users (id) to stdout'))
    const after = client.query('select 1 as one from users where id = 1')
    let bytes = 0
    for await (const piece of stream) bytes += (piece as Buffer).length
    expect(bytes).toBe(190 + 100)
    expect((await after).rows).toEqual([{ one: 1 }])
  })
})

test.each([
  ['a key that is NULL', 'copy users from stdin', 'x\t\\N\n', '23502'],
  ['a key that is no number', 'copy users from stdin', 'x\ty\n', '22P02'],
  ['a key that is too large', 'copy users from stdin', 'x\t9223372036854775808\n', '22003'],
  ['a column too few', 'copy users from stdin', 'x\n', '22P04'],
  ['a column too many', 'copy users from stdin', 'x\t1\ty\n', '22P04'],
  ['the same key twice', 'copy users from stdin', 'x\t7\n', '23505'],
  ['a quote that does not end', 'copy users from stdin csv', '"x,1\n', '22P04'],
  ['no head', 'copy users from stdin (format binary)', 'x'.repeat(30), '22P04'],
  ['another header', 'copy users from stdin (format csv, header match)', 'name,number\nx,1\n', '22P04'],
  ['an unknown column', 'copy users (id, nobody) from stdin', '1\tx\n', '42703'],
  ['a generated column', 'copy users (id, size) from stdin', '1\t1\n', '42P10'],
  ['no key', 'copy users (name) from stdin', 'x\n', 'SHARD_KEY_MISSING'],
  ['an option that counts rows', 'copy users from stdin (on_error ignore)', 'x\t1\n', 'NOT_SUPPORTED'],
  ['another encoding', `copy users from stdin (encoding 'latin1')`, 'x\t1\n', 'NOT_SUPPORTED'],
  ['a file of the server', `copy users from '/etc/passwd'`, '', 'NOT_SUPPORTED'],
])('%s fails the whole COPY, and leaves nothing', async (_, text, last, code) => {
  const first = text.includes('(') || text.includes('csv') ? '' : userLines(50)
  await fixture.withClient(async (client) => {
    await expect(copyIn(client, text, [first, last])).rejects.toMatchObject({ code })
    // It can be used as before.
    expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
    expect(await copyIn(client, 'copy users from stdin', ['x\t1\n'])).toBe(1)
  })
  expect(await usersOf()).toEqual([{ id: '1', name: 'x', size: 1 }])
  await nothingIsPrepared()
})

test('a COPY is part of the transaction that is open, over all of its shards', async () => {
  await pool.transaction(async (tx) => {
    await tx.query(`insert into users (id, name) values (500, 'before')`)
    expect(await copyIn(tx, 'copy users from stdin', [userLines(100)])).toBe(100)
    await tx.query(`update users set name = 'after' where id = 3`)
    expect((await tx.query('select name from users where id = 3')).rows).toEqual([{ name: 'after' }])
  })
  expect((await usersOf()).length).toBe(101)
  await fixture.withClient(async (client) => {
    await client.query('begin')
    await copyIn(client, 'copy users from stdin', ['x\t1000\ny\t1001\nz\t1002\n'])
    await client.query('savepoint here')
    await expect(copyIn(client, 'copy users from stdin', ['x\t2000\nx\t5\n'])).rejects.toMatchObject({
      code: '23505',
    })
    await expect(client.query('select 1 from users where id = 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback to here')
    expect((await client.query('commit')).command).toBe('COMMIT')
  })
  const ids = (await usersOf()).map(({ id }) => id)
  expect(ids.filter((id) => Number(id) >= 1000)).toEqual(['1000', '1001', '1002'])
  await fixture.withClient(async (client) => {
    await client.query('begin')
    await copyIn(client, 'copy users from stdin', ['x\t3000\ny\t3001\nz\t3002\n'])
    await client.query('rollback')
  })
  expect((await usersOf()).length).toBe(104)
  await nothingIsPrepared()
})

test('who gives up leaves nothing', async () => {
  await fixture.withClient(async (client) => {
    const stream = client.query(copyFrom('copy users from stdin'))
    stream.on('error', () => {})
    stream.write(userLines(20_000))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.destroy(new Error('enough'))
    await closed
    expect((await client.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }])
  })
  // With a client that is thrown away in the middle of it.
  const client = await pool.connect()
  const stream = client.query(copyFrom('copy users from stdin'))
  const failed = once(stream, 'error')
  stream.write(userLines(20_000))
  await new Promise((resolve) => setTimeout(resolve, 50))
  client.release(true)
  await failed
  await until('all is undone', async () =>
    (await fixture.onEach(`select from pg_stat_activity where state = 'idle in transaction'`)).every(
      (rows) => rows.length === 0,
    ),
  )
  expect(await usersOf()).toEqual([])
  await nothingIsPrepared()
})

test('a shard that is lost in the middle of it fails it, and nothing of it is anywhere', async () => {
  const client = await pool.connect()
  const stream = client.query(copyFrom('copy users from stdin'))
  const failed = once(stream, 'error')
  stream.write(userLines(20_000))
  const admin = await connect(fixture.dsnOf('s2', 'superuser'))
  await until(
    'its connection is there',
    async () =>
      (
        await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' and query ilike 'copy users%' and pid <> pg_backend_pid()`,
        )
      ).rowCount === 1,
  )
  const [error] = await failed
  expect(error).toMatchObject({ code: '57P01' })
  client.release(error)
  expect(await usersOf()).toEqual([])
  await nothingIsPrepared()
})

test('what waits to be sent is bounded, however slow a shard is', { timeout: 60_000 }, async () => {
  // Nobody gets anything into the table on one shard for a while.
  const admin = await connect(fixture.dsnOf('s1'))
  await fixture.withClient(async (client) => {
    const stream = client.query(copyFrom('copy users from stdin'))
    stream.on('error', () => {})
    stream.write('x\t-1\n')
    let id = 0
    let given = 0
    await until('the COPY has begun', async () => {
      const { rowCount } = await admin.query(
        `select from pg_stat_activity where state = 'active' and query ilike 'copy users%' and pid <> pg_backend_pid()`,
      )
      return rowCount === 1
    })
    await admin.query('begin')
    // The unique index is waited for: a row of the same key that is not committed.
    await admin.query(`insert into users (id, name) values ($1, 'waited for')`, [await keyOfFirst()])
    let isFull = false
    while (!isFull && given < 200_000_000) {
      const rows = Array.from({ length: 1000 }, () => `${'x'.repeat(200)}\t${id++}\n`).join('')
      given += rows.length
      if (stream.write(rows)) continue
      isFull = await Promise.race([
        once(stream, 'drain').then(() => false),
        new Promise<boolean>((resolve) => setTimeout(resolve, 2000, true)),
      ])
    }
    expect(isFull).toBe(true)
    expect(given).toBeLessThan(50_000_000)
    await admin.query('rollback')
    stream.end()
    await once(stream, 'finish')
    expect(stream.rowCount).toBe(id + 1)
  })
})

/** A key that belongs to the first shard. */
async function keyOfFirst(): Promise<number> {
  for (let id = 0; ; id++) {
    await pool.query('insert into users (id, name) values ($1, $2)', [id, 'probe'])
    const [first] = await fixture.onEach(`select from users where id = ${id}`)
    await pool.query('delete from users where id = $1', [id])
    if (first?.length === 1) return id
  }
}
