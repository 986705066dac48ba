import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import type { Herd } from '../../src/index.js'
import { type Pruning, pruneDecisions } from '../../src/sharding/prune-decisions.js'
import type { OnPrimary } from '../../src/sharding/resolve-prepared.js'

const HOUR_MS = 3_600_000
let herd: Herd
let s1: pg.Client
let s2: pg.Client

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s1, nodes: 2, durability: fast }, { name: s2, nodes: 1 }]
sharding: { groups: [s1, s2], tables: { accounts: { key: id } } }
`)
  for (const group of ['s1', 's2'])
    await (await connect(dsnOf(group))).query('create table accounts (id int primary key)')
}, 120_000)

beforeEach(async () => {
  s1 = await connect(dsnOf('s1'))
  s2 = await connect(dsnOf('s2'))
  await s1.query('delete from pgherd.decision')
})

function dsnOf(group: string): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, 'superuser')
}

const onPrimary: OnPrimary = async (group, work) => work(await connect(dsnOf(group)))

function prune(changes: Partial<Pruning> = {}): Promise<number> {
  const standbys = new Map([
    ['home', []],
    ['s1', ['s1-2']],
    ['s2', []],
  ])
  return pruneDecisions(onPrimary, { standbys, olderThanMs: HOUR_MS, standbyPatienceMs: 5000, ...changes })
}

/** A decision that s1 made, or that somebody wrote who found a part that nobody ended. */
async function decide(committed: boolean, ageMs: number): Promise<string> {
  const id = randomUUID()
  await s1.query(
    `insert into pgherd.decision values ($1, $2, clock_timestamp() - $3 * interval '1 millisecond')`,
    [id, committed, ageMs],
  )
  return id
}

async function decisions(): Promise<string[]> {
  const { rows } = await s1.query<{ id: string }>('select id from pgherd.decision order by at')
  return rows.map(({ id }) => id)
}

test('decisions are forgotten once they are old and nothing is prepared under them anywhere', async () => {
  const asked = await decide(true, 3 * HOUR_MS)
  await decide(true, 2 * HOUR_MS)
  await decide(false, 2 * HOUR_MS)
  const young = await decide(true, HOUR_MS / 2)
  await s2.query('begin; insert into accounts values (1)')
  await s2.query(`prepare transaction 'pgherd:s1:${asked}'`)
  expect(await prune()).toBe(2)
  expect(await decisions()).toEqual([asked, young])
  await s2.query(`commit prepared 'pgherd:s1:${asked}'`)
  expect(await prune()).toBe(1)
  expect(await decisions()).toEqual([young])
})

test('that a transaction will never be is not forgotten while its coordinator may still try', async () => {
  // It has been open since before somebody wrote that nothing will come of it.
  const coordinator = await connect(dsnOf('s1'))
  await coordinator.query('begin; insert into accounts values (2)')
  const { rows } = await coordinator.query('select now() as began')
  const given = randomUUID()
  await s1.query('insert into pgherd.decision values ($1, false, $2)', [given, rows[0].began])
  const done = await decide(true, 0)
  expect(await prune({ olderThanMs: 0 })).toBe(1)
  expect(await decisions()).toEqual([given])
  expect(await decisions()).not.toContain(done)
  const decideAfterAll = coordinator.query('insert into pgherd.decision (id, committed) values ($1, true)', [
    given,
  ])
  await expect(decideAfterAll).rejects.toThrow(/duplicate key/)
  await coordinator.query('rollback')
  // Only once no clock can have hidden it.
  expect(await prune({ olderThanMs: 0 })).toBe(1)
})

test('nothing is forgotten while a standby is behind or a group cannot be asked', async () => {
  const old = await decide(true, 2 * HOUR_MS)
  await herd.disturb('s1-2', 'pause')
  await decide(true, 0)
  await expect(prune({ standbyPatienceMs: 300 })).rejects.toMatchObject({
    message: 'Decisions are kept: s1-2 has not flushed what its primary has.',
  })
  await herd.disturb('s1-2', 'resume')
  const unreachable: OnPrimary = (group, work) =>
    group === 's2' ? Promise.reject(new Error('s2 is down')) : onPrimary(group, work)
  const standbys = new Map([
    ['s1', []],
    ['s2', []],
  ])
  await expect(
    pruneDecisions(unreachable, { standbys, olderThanMs: HOUR_MS, standbyPatienceMs: 300 }),
  ).rejects.toThrow('s2 is down')
  expect(await decisions()).toContain(old)
  expect(await prune()).toBe(1)
  expect(await decisions()).not.toContain(old)
})
