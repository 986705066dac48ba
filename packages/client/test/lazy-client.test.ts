import { once } from 'node:events'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { beforeAll, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import { nodesOfHerd, scratchHerd, scratchPool, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await scratchPool({ nodes }).query('create table goods (id int primary key, stock int not null)')
}, 120_000)

function lazyPool(options = {}): Pool {
  return scratchPool({ nodes, lazyClients: true, ...options })
}

const PID = 'select pg_backend_pid() as pid'

test('statements that any connection will do for go the way of pool.query', async () => {
  const pool = lazyPool()
  const client = await pool.connect()
  expect(client).toBeInstanceOf(pg.Client)
  for (let id = 1; id <= 20; id++) {
    await client.query('insert into goods values ($1, $2)', [id, id])
    const { rows } = await client.query<{ stock: number }>('select stock from goods where id = $1', [id])
    expect(rows).toEqual([{ stock: id }])
  }
  expect(pool.idleCount).toBe(pool.totalCount)
  await until('a standby answers', async () => {
    await client.query('select stock from goods')
    return pool.statistics.statements.standby.lane > 0
  })
  client.release()
})

test('a transaction has one connection until release', async () => {
  const pool = lazyPool()
  const client = await pool.connect()
  expect([client.getTransactionStatus(), pool.totalCount]).toEqual(['I', 0])
  await client.query('begin')
  expect([client.getTransactionStatus(), pool.totalCount, pool.idleCount]).toEqual(['T', 1, 0])
  await client.query('insert into goods values (100, 1)')
  expect((await client.query('select stock from goods where id = 100')).rows).toEqual([{ stock: 1 }])
  await client.query('rollback')
  expect((await client.query('select stock from goods where id = 100')).rows).toEqual([])
  const pids = [await client.query(PID), await client.query(PID)].map(({ rows }) => rows[0].pid)
  expect(pids[0]).toBe(pids[1])
  client.release()
  expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
})

test('what leaves something in its session, or sees it, has a connection from then on', async () => {
  const pool = lazyPool({ max: 1 })
  const client = await pool.connect()
  await client.query(`set application_name to 'mine'`)
  expect((await client.query('show application_name')).rows).toEqual([{ application_name: 'mine' }])
  await client.query('create temp table mine as select 1 as one')
  expect((await client.query('select one from mine')).rows).toEqual([{ one: 1 }])
  client.release()
  const next = await pool.connect()
  expect((await next.query('show application_name')).rows).not.toEqual([{ application_name: 'mine' }])
  next.release()
})

test('statements begin in the order they were given in', async () => {
  const pool = lazyPool()
  const client = await pool.connect()
  const given = [
    client.query('select 1 as n'),
    client.query('insert into goods values (200, 1)'),
    client.query('begin'),
    client.query('update goods set stock = stock + 1 where id = 200'),
    client.query('select stock as n from goods where id = 200'),
    client.query('rollback'),
    client.query('select stock as n from goods where id = 200'),
  ]
  client.release()
  expect((await Promise.all(given)).flatMap(({ rows }) => rows)).toEqual([{ n: 1 }, { n: 2 }, { n: 1 }])
  await until('it is back', () => pool.idleCount === 1)
})

test('what follows a BEGIN that failed does not run', async () => {
  const { groups } = await herd.status()
  const standbys = groups.flatMap((group) => group.nodes).filter(({ role }) => role === 'standby')
  const pool = lazyPool({ nodes: standbys.map(({ name }) => herd.dsn(name)), failoverWaitMs: 100 })
  const client = await pool.connect()
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await expect(client.query('begin')).rejects.toMatchObject({ code: 'NO_PRIMARY' })
  await expect(client.query('select 1')).rejects.toMatchObject({ code: 'NO_PRIMARY' })
  client.release()
})

test('listens, reads by a cursor, takes parsers and callbacks', async () => {
  const pool = lazyPool()
  const client = await pool.connect()
  const heard = once(client, 'notification')
  await client.query('listen news')
  await pool.query(`select pg_notify('news', 'hello')`)
  expect((await heard)[0]).toMatchObject({ channel: 'news', payload: 'hello' })
  client.release()

  const reader = await pool.connect()
  const cursor = reader.query(new Cursor<{ n: number }>('select n from generate_series(1, 10) n'))
  expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }])
  await cursor.close()
  reader.release()

  const typed = await pool.connect()
  typed.setTypeParser(23, (value: string) => `int ${value}`)
  const { rows } = await new Promise<pg.QueryResult>((resolve, reject) => {
    typed.query('select $1::int as n', [1], (error, result) => (error ? reject(error) : resolve(result)))
  })
  expect(rows).toEqual([{ n: 'int 1' }])
  typed.release(true)
})

test('a statement under way ends with the client that is thrown away', async () => {
  const pool = lazyPool()
  const client = await pool.connect()
  const slow = client.query('select pg_sleep(60)')
  const failed = expect(slow).rejects.toThrow('thrown away')
  await until('it is under way', () => pool.totalCount > pool.idleCount)
  client.release(true)
  await failed
  await until('nothing is under way', () => pool.totalCount === pool.idleCount)
})

test('is not to be used after its release, nor released twice', async () => {
  const pool = lazyPool()
  const { client, release } = await new Promise<{ client: pg.PoolClient; release: () => void }>(
    (resolve, reject) => {
      pool.connect((error, client, release) => (client ? resolve({ client, release }) : reject(error)))
    },
  )
  release()
  expect(release).toThrow('already been released')
  await expect(client.query('select 1')).rejects.toMatchObject({ code: 'CLIENT_RELEASED' })
  await pool.end()
  await expect(pool.connect()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
})
