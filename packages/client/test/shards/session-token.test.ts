import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

/* A session that goes on in another process, as requests of one user do behind a balancer. */

let herd: Herd
/** As two processes have them, that were told the nodes of different groups. */
let one: Pool
let other: Pool
let lagging: pg.Client
/** A key on each shard. */
let onFirst: number
let onSecond: number

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s1, nodes: 2 }, { name: s2, nodes: 1 }]
sharding: { strategy: modulo, groups: [s1, s2], tables: { carts: { key: id } } }
`)
  one = createPool({ nodes: [herd.dsn('home-1', 'application')], replayWaitMs: 0 })
  other = createPool({
    nodes: ['s1-1', 's1-2'].map((name) => herd.dsn(name, 'application')),
    replayWaitMs: 0,
  })
  await one.query('create table carts (id int primary key, n int not null default 0)')
  await one.query('insert into carts values (1), (2), (3), (4), (5), (6)')
  const find = async (node: string): Promise<number> =>
    (await (await connect(herd.dsn(node))).query('select min(id) as id from carts')).rows[0].id
  onFirst = await find(herd.primaryOf('s1')?.name as string)
  onSecond = await find('s2-1')
}, 180_000)

// What is written on the first shard from here on its standby does not show.
beforeEach(async () => {
  await one.query('update carts set n = 0')
  const standby = ['s1-1', 's1-2'].find((name) => name !== herd.primaryOf('s1')?.name) as string
  lagging = await connect(herd.dsn(standby, 'superuser'))
  await until('the standby has it', async () => {
    const { rows } = await lagging.query('select count(*)::int as n from carts where n <> 0')
    return rows[0].n === 0
  })
  await lagging.query('select pg_wal_replay_pause()')
})

afterEach(() => lagging.query('select pg_wal_replay_resume()'))

afterAll(() => Promise.all([one.end(), other.end()]))

const read = async (pool: Pool, id: number): Promise<number> =>
  (await pool.query('select n from carts where id = $1', [id])).rows[0].n

const readOften = async (pool: Pool, id: number): Promise<number[]> => {
  const found = await Promise.all(Array.from({ length: 10 }, () => read(pool, id)))
  return [...new Set(found)]
}

test('I4: another process sees what a session has written on any shard, and only with its token', async () => {
  const token = await one.session(async () => {
    await one.query('update carts set n = 7 where id = any ($1)', [[onFirst, onSecond]])
    return one.sessionToken()
  })
  expect(token).toMatch(/^v1(\.[a-z0-9-]+~[0-9A-F]+-[0-9A-F]+)+$/)
  expect(await other.session(() => readOften(other, onFirst), token)).toEqual([7])
  expect(await other.session(() => readOften(other, onSecond), token)).toEqual([7])
  // The standby answers who need not see it.
  expect(await other.session(() => readOften(other, onFirst))).toContain(0)
})

test('I4: a session goes on from process to process, and back', async () => {
  const first = await one.session(async () => {
    await one.query('update carts set n = 1 where id = $1', [onFirst])
    return one.sessionToken()
  })
  const second = await other.session(async () => {
    await other.query('update carts set n = 2 where id = $1', [onSecond])
    return other.sessionToken()
  }, first)
  expect(second).toContain(first.split('.').find((word) => word.startsWith('s1~')))
  expect(await one.session(() => readOften(one, onFirst), second)).toEqual([1])
  expect(await one.session(() => readOften(one, onSecond), second)).toEqual([2])
})

test('I4: what a transaction over shards has written is in the token, too', async () => {
  const token = await one.session(async () => {
    await one.transaction(async (transaction) => {
      await transaction.query('update carts set n = 5 where id = $1', [onFirst])
      await transaction.query('update carts set n = 5 where id = $1', [onSecond])
    })
    return one.sessionToken()
  })
  expect(await other.session(() => readOften(other, onFirst), token)).toEqual([5])
})

test('a session that has written nothing has a token; what is none is refused', async () => {
  expect(await one.session(() => one.sessionToken())).toBe('v1')
  expect(await other.session(() => read(other, onSecond), 'v1')).toBe(0)
  for (const token of ['', 'v2', 'v1.', 'v1.s1', 'v1.s1~0', 'v1.s1~0-x', 'v1.s1~0/1~2'])
    expect(() => one.session(() => {}, token)).toThrow('This is not a session token.')
})
