import { once } from 'node:events'
import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

// Cursors and streams of rows over all shards.

const SHARDS = ['s1', 's2', 's3']
const ROWS = 20_000

let herd: Herd
let pool: Pool

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 3, nodes: 1 }
sharding:
  groups: [s1, s2, s3]
  tables: { logs: { key: id }, empty: { key: id } }
`)
  pool = createPool({ nodes: [dsnOf('home')], max: 4 })
  await pool.query('create table logs (id bigint primary key, n int, note text, at timestamptz)')
  await pool.query('create table empty (id bigint primary key)')
  await pool.query('create table notes (text text)')
  await pool.query(`insert into notes values ('home')`)
  await pool.query(
    `insert into logs select g, (g * 7919) % 1000, 'note ' || g, '2026-01-01'::timestamptz + g * interval '1 s' from generate_series(1, ${ROWS}) g`,
  )
}, 180_000)

afterAll(() => pool.end())

function dsnOf(group: string, role: 'application' | 'superuser' = 'application'): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, role)
}

async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await work(client)
  } finally {
    client.release()
  }
}

async function idsOf(stream: QueryStream): Promise<number[]> {
  const ids: number[] = []
  for await (const { id } of stream) ids.push(Number(id))
  return ids
}

/** What sessions of clients have under way on all shards. */
async function busyOnShards(): Promise<number> {
  const counts = await Promise.all(
    SHARDS.map(async (shard) => {
      const client = await connect(dsnOf(shard, 'superuser'))
      const { rows } = await client.query(
        `select count(*)::int from pg_stat_activity where usename = 'app' and state <> 'idle' and backend_type = 'client backend'`,
      )
      await client.end()
      return rows[0].count as number
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

test('a stream has the rows of all shards, in order where it asks for one', async () => {
  await withClient(async (client) => {
    const all = await idsOf(client.query(new QueryStream('select id from logs')))
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: ROWS }, (_, at) => at + 1))
    const ordered = await idsOf(
      client.query(
        new QueryStream(
          'select id from logs where id > $1 order by n desc, at limit $2 offset 5',
          [10, 3000],
        ),
      ),
    )
    const { rows } = await pool.query(
      'select id from (select * from logs) l where id > 10 order by n desc, at limit 3000 offset 5',
    )
    expect(ordered).toEqual(rows.map(({ id }) => Number(id)))
    expect(await idsOf(client.query(new QueryStream('select id from empty order by id')))).toEqual([])
    expect((await client.query('select count(*)::int from logs')).rows).toEqual([{ count: ROWS }])
  })
})

test('a cursor reads as many rows as it asks for, and tells its columns', async () => {
  await withClient(async (client) => {
    const cursor = client.query(
      new Cursor('select id, at, note from logs order by logs.n, id', [], { rowMode: 'array' }),
    )
    const first = await cursor.read(3)
    expect(first.map(([id]: unknown[]) => id)).toEqual(['1000', '2000', '3000'])
    expect(first[0][1]).toBeInstanceOf(Date)
    expect(first[0]).toHaveLength(3)
    let count = first.length
    for (let rows = await cursor.read(7000); rows.length > 0; rows = await cursor.read(7000))
      count += rows.length
    expect(count).toBe(ROWS)
    expect(await cursor.read(1)).toEqual([])
    await cursor.close()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

test('a cursor that is closed ends on all shards, and its client goes on', async () => {
  await withClient(async (client) => {
    const cursor = client.query(
      new Cursor('select l.id, o.n from logs l join logs o on o.id = l.id order by l.note'),
    )
    expect(await cursor.read(10)).toHaveLength(10)
    await cursor.close()
    await until('nothing is under way', async () => (await busyOnShards()) === 0)
    expect((await client.query('select note from logs where id = 7')).rows).toEqual([{ note: 'note 7' }])
    const stream = client.query(new QueryStream('select id from logs order by id'))
    for await (const row of stream) {
      expect(row.id).toBe('1')
      break
    }
    expect((await client.query('select count(*)::int from empty')).rows).toEqual([{ count: 0 }])
  })
  await until('nothing is under way', async () => (await busyOnShards()) === 0)
})

test('what one group has comes from there, and what cannot be merged here from the federation', async () => {
  await withClient(async (client) => {
    const one = await client.query(new Cursor('select note from logs where id = $1', [5])).read(10)
    expect(one).toEqual([{ note: 'note 5' }])
    expect(await client.query(new Cursor('select text from notes')).read(10)).toEqual([{ text: 'home' }])
    const joined = await client
      .query(new Cursor('select count(*)::int as n from logs a join logs b on a.n = b.id'))
      .read(10)
    expect(joined).toEqual([{ n: ROWS - ROWS / 1000 }])
    const sums = new QueryStream(
      'select n % 2 as odd, sum(id)::text as sum from logs group by n % 2 order by 1',
    )
    const rows: unknown[] = []
    for await (const row of client.query(sums)) rows.push(row)
    expect(rows).toHaveLength(2)
    // Rows of a type whose order is not known here.
    const odd = await client
      .query(new Cursor(`select id, array[n] as a from logs where id < 9 order by a, id`))
      .read(3)
    expect(odd.map(({ id }: { id: string }) => id)).toEqual(['8', '7', '6'])
  })
})

test('an error of one shard names it, and ends the others', async () => {
  await withClient(async (client) => {
    const failing = client.query(new Cursor('select id, 1 / (id - 15000) from logs order by id'))
    await expect(failing.read(ROWS)).rejects.toMatchObject({
      code: '22012',
      message: expect.stringMatching(/^division by zero \(on s[123]\)$/),
    })
    const wrong = new QueryStream('select nothing from logs')
    await expect(idsOf(client.query(wrong))).rejects.toMatchObject({ code: '42703' })
    await expect(pool.query('select id, 1 / (id - 15000) from logs order by id')).rejects.toThrow(
      /\(on s[123]\)$/,
    )
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
  await until('nothing is under way', async () => (await busyOnShards()) === 0)
})

test('a transaction that has failed in a stream is failed, and one that wrote is refused', async () => {
  await withClient(async (client) => {
    await client.query('begin')
    expect(
      await idsOf(client.query(new QueryStream('select id from logs where n = 1 order by id'))),
    ).toHaveLength(20)
    await expect(
      idsOf(client.query(new QueryStream('select id, 1 / (n - n) from logs order by id'))),
    ).rejects.toMatchObject({ code: '22012' })
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
    await client.query('begin')
    await client.query('update logs set n = 0 where id = 1')
    await expect(idsOf(client.query(new QueryStream('select id from logs')))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    })
    await client.query('rollback')
  })
})

test('a client that is thrown away ends its stream', async () => {
  const client = await pool.connect()
  const stream = client.query(new QueryStream('select id from logs order by id'))
  await once(stream, 'readable')
  const failed = once(stream, 'error')
  client.release(true)
  stream.resume()
  await failed
  await until('nothing is under way', async () => (await busyOnShards()) === 0)
})

test('a shard that is gone in the middle is named', async () => {
  await withClient(async (client) => {
    const cursor = client.query(new Cursor('select id from logs order by id'))
    expect(await cursor.read(10)).toHaveLength(10)
    const admin = await connect(dsnOf('s2', 'superuser'))
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and query like 'select id from logs order by id%'`,
    )
    await expect(cursor.read(ROWS)).rejects.toThrow(/\(on s2\)$/)
    expect((await client.query('select count(*)::int from logs')).rows).toEqual([{ count: ROWS }])
  })
})

test('a read of all shards says which of them does not answer, while others go on', {
  timeout: 60_000,
}, async () => {
  const impatient = createPool({ nodes: [dsnOf('home')], failoverWaitMs: 500, query_timeout: 1000 })
  await impatient.query('select count(*) from logs')
  const hung = herd.primaryOf('s3')?.name as string
  await herd.disturb(hung, 'pause')
  try {
    await expect(impatient.query('select count(*) from logs')).rejects.toThrow(/\(on s3\)$/)
    await expect(impatient.query('select id from logs order by id limit 3')).rejects.toThrow(/\(on s3\)$/)
    const onOthers = await connect(dsnOf('s1'))
    const { rows } = await onOthers.query('select id from logs limit 1')
    expect((await impatient.query('select id from logs where id = $1', [rows[0].id])).rows).toEqual(rows)
  } finally {
    await herd.disturb(hung, 'resume')
    await impatient.end()
  }
  await until('it is whole again', async () => {
    const answer = await pool.query('select count(*)::int as n from logs').catch(() => null)
    return answer?.rows[0].n === ROWS
  })
})

test.each([
  ['all shards', 'select id from logs order by id'],
  ['one shard', 'select id from logs where id = 7'],
  ['the home group', 'select text from notes'],
  ['the federation', 'select a.id from logs a join logs b using (n) limit 5'],
  ['nobody', 'select nothing from nowhere'],
])(
  'a cursor or a stream of %s that is closed before it has begun leaves its client free',
  async (_, text) => {
    await withClient(async (client) => {
      await client.query(new Cursor(text)).close()
      expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
      const stream = client.query(new QueryStream(text))
      stream.destroy()
      await once(stream, 'close')
      expect((await client.query('select count(*)::int as n from notes')).rows).toEqual([{ n: 1 }])
    })
  },
)
