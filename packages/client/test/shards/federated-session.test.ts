import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

const HOME = ['home-1', 'home-2', 'home-3']
let herd: Herd
let pool: Pool

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 3 }, { name: s1, nodes: 1 }]
sharding: { groups: [s1], tables: { users: { key: id } } }
`)
  pool = createPool({ nodes: HOME.map((name) => herd.dsn(name, 'application')) })
  await pool.query('create table users (id int primary key)')
  await pool.query('create table notes (id int primary key)')
  await pool.query('insert into users values (1)')
}, 180_000)

afterAll(() => pool.end())

test('I4: a read over groups sees what its session has written at home', { timeout: 60_000 }, async () => {
  const standbys = HOME.filter((name) => name !== herd.primaryOf('home')?.name)
  const paused = await Promise.all(standbys.map((name) => connect(herd.dsn(name, 'superuser'))))
  const ask = 'select count(*)::int as n from users u, notes n where u.id <> -n.id'
  await until('it is answered', () => pool.query(ask).then(({ rows }) => rows[0].n === 0))
  for (const standby of paused) await standby.query('select pg_wal_replay_pause()')
  try {
    for (let id = 1; id <= 5; id++) {
      await pool.query('insert into notes values ($1)', [id])
      expect((await pool.query(ask)).rows).toEqual([{ n: id }])
    }
  } finally {
    for (const standby of paused) await standby.query('select pg_wal_replay_resume()')
  }
})
