import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const pool = scratchPool({ nodes })
  await pool.query('create table goods (id int primary key, name text, stock int not null default 0)')
  await pool.query(`insert into goods select g, 'goods ' || g, 10 from generate_series(1, 100) g`)
}, 120_000)

test('a pool answers as pg.Pool does', async () => {
  const pool = scratchPool({ nodes })
  const { rows, rowCount, command, fields } = await pool.query(
    'select id, name from goods where id = $1',
    [7],
  )
  expect({ rows, rowCount, command }).toEqual({
    rows: [{ id: 7, name: 'goods 7' }],
    rowCount: 1,
    command: 'SELECT',
  })
  expect(fields.map(({ name }) => name)).toEqual(['id', 'name'])
  const array = await pool.query({
    text: 'select id, name from goods where id = $1',
    values: [7],
    rowMode: 'array',
  })
  expect(array.rows).toEqual([[7, 'goods 7']])
})

test('reads are spread over the standbys, writes find the primary', async () => {
  const pool = scratchPool(unhurried({ nodes }))
  for (let at = 0; at < 10; at++) await pool.query('select * from goods where id = $1', [at])
  await pool.query('update goods set stock = stock + 1 where id = 1')
  const { standby, primary } = pool.statistics.statements
  expect(standby).toEqual({ lane: 10, own: 0 })
  expect(primary).toEqual({ lane: 0, own: 1 })
})

test('I4: a read sees what its session wrote a moment ago', async () => {
  // More reads at once than the primary is given as long as it is the only one that is sure to know.
  const pool = scratchPool(unhurried({ nodes, lanes: { max: 1, depth: 1 } }))
  for (let at = 1; at <= 100; at++) {
    await pool.query('update goods set stock = $1 where id = 2', [at])
    const reads = Array.from({ length: 8 }, () => pool.query('select stock from goods where id = 2'))
    for (const { rows } of await Promise.all(reads)) expect(rows).toEqual([{ stock: at }])
  }
  const { standby, primary } = pool.statistics.statements
  expect(standby.lane).toBeGreaterThan(100)
  expect(primary.lane).toBeGreaterThan(100)
})

test('a read right after a write is the primary’s, and soon a standby’s again', async () => {
  // No probe tells meanwhile how far standbys are.
  const pool = scratchPool(unhurried({ nodes, probe: { intervalMs: 600_000 } }))
  const read = async (): Promise<'primary' | 'standby'> => {
    const before = pool.statistics.statements.standby.lane
    await pool.query('select stock from goods where id = 3')
    return pool.statistics.statements.standby.lane > before ? 'standby' : 'primary'
  }
  expect(await read()).toBe('standby')
  await pool.query('update goods set stock = 1 where id = 3')
  expect(await read()).toBe('primary')
  await until('a standby answers', async () => (await read()) === 'standby')
})
