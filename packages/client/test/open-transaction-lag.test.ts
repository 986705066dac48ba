import { expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, scratchPool, until } from './scratch-herd.js'

const MAX_LAG_MS = 1000

test('a transaction that stays open makes no standby lag, though its WAL is with the primary alone', async () => {
  const herd = await scratchHerd()
  const pool = scratchPool({ nodes: await nodesOfHerd(herd), maxLagMs: MAX_LAG_MS })
  const told: string[] = []
  pool.on('lag', ({ message }) => told.push(message))
  await pool.query('create table goods (id int primary key)')
  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into goods values (1)')
  const openedAtMs = performance.now()
  await until('every node has been asked long afterwards', () =>
    Object.values(pool.topology.nodes).every(({ askedAtMs }) => askedAtMs > openedAtMs + 3 * MAX_LAG_MS),
  )
  const standbys = Object.values(pool.topology.nodes).filter(({ role }) => role === 'standby')
  expect(standbys.map(({ state, lagMs }) => [state, lagMs])).toEqual([
    ['in', 0],
    ['in', 0],
  ])
  expect(told).toEqual([])
  await client.query('rollback')
  client.release()
}, 120_000)
