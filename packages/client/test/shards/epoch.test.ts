import type { Herd } from '@pgherd/cluster'
import { makeShardMap, type ShardMap, stretchesOf } from '@pgherd/core/sharding'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

const ROWS = 20
let herd: Herd
let pool: Pool

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 2, nodes: 1 }
sharding:
  groups: [s1, s2]
  tables: { counters: { key: id } }
`)
  pool = createPool({ nodes: [dsnOf('home')] })
  await pool.query('create table counters (id int primary key, n int not null default 0)')
  for (let id = 0; id < ROWS; id++) await pool.query('insert into counters (id) values ($1)', [id])
}, 180_000)

afterAll(() => pool.end())

function dsnOf(group: string): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, 'application')
}

/** The same, but for whom rows belong to. */
function nextMap(map: ShardMap, ownerOf: (owner: string) => string = (owner) => owner): ShardMap {
  const stretches = stretchesOf(map).map(({ from, owner }) => ({ from, owner: ownerOf(owner) }))
  return makeShardMap({ epoch: map.epoch + 1, line: map.line, shards: map.shards, stretches })
}

test('I3, I8: writes go on through changed maps; none is lost, repeated or run under an older one', {
  timeout: 120_000,
}, async () => {
  let going = true
  let done = 0
  let unknown = 0
  const others: unknown[] = []
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let at = writer; going; at++) {
      try {
        await pool.query('update counters set n = n + 1 where id = $1', [at % ROWS])
        done++
      } catch (error) {
        if ((error as { code?: string }).code === 'OUTCOME_UNKNOWN') unknown++
        else others.push(error)
      }
    }
  })
  for (let changes = 0; changes < 3; changes++) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    await herd.changePlacement({ map: nextMap(herd.placement()?.map as ShardMap) })
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
  going = false
  await Promise.all(writers)
  expect(others).toEqual([])
  const { rows } = await pool.query('select sum(n)::int as sum from counters')
  expect(rows[0].sum).toBeGreaterThanOrEqual(done)
  expect(rows[0].sum).toBeLessThanOrEqual(done + unknown)
  expect(unknown).toBeLessThanOrEqual(3 * 4)
})

test('I3: readers hear nothing of a map that changes', { timeout: 120_000 }, async () => {
  const reads = [
    ['select count(*)::int as n from counters', ROWS],
    ['select count(*)::int as n from counters where id = 3', 1],
    ['select count(*)::int as n from counters a join counters b on b.id = a.id + 1', ROWS - 1],
    ['select count(distinct id)::int as n from counters', ROWS],
  ] as const
  let going = true
  const done = reads.map(() => 0)
  const wrong: unknown[] = []
  const readers = reads.map(async ([text, count], at) => {
    while (going) {
      const n = await pool.query(text).then(
        ({ rows }) => rows[0].n,
        (error) => error,
      )
      if (n === count) done[at] = (done[at] as number) + 1
      else wrong.push([text, n])
    }
  })
  for (let changes = 0; changes < 5; changes++) {
    const before = [...done]
    await until('every reader has read under this map', () =>
      done.every((count, at) => count > (before[at] as number)),
    )
    await herd.changePlacement({ map: nextMap(herd.placement()?.map as ShardMap) })
  }
  going = false
  await Promise.all(readers)
  expect(wrong).toEqual([])
})

test('I8: who plans by the new map looks where rows belong now', async () => {
  const before = await pool.query('select n from counters where id = 3')
  // All rows change places, as a move does before it puts its map in force.
  const [one, other] = await Promise.all(['s1', 's2'].map((shard) => connect(dsnOf(shard))))
  const ofOne = (await one?.query('select id, n from counters'))?.rows
  const ofOther = (await other?.query('select id, n from counters'))?.rows
  const insert = 'insert into counters select * from json_populate_recordset(null::counters, $1)'
  await herd.changePlacement({
    map: nextMap(herd.placement()?.map as ShardMap, (owner) => (owner === 's1' ? 's2' : 's1')),
  })
  const [first, second] = await Promise.all(['s1', 's2'].map((shard) => connect(dsnOf(shard))))
  for (const client of [first, second]) await client?.query('delete from counters')
  await first?.query(insert, [JSON.stringify(ofOther)])
  await second?.query(insert, [JSON.stringify(ofOne)])
  expect((await pool.query('select n from counters where id = 3')).rows).toEqual(before.rows)
  expect((await pool.query('select count(*)::int as n from counters')).rows).toEqual([{ n: ROWS }])
})
