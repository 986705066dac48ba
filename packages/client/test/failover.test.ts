import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from './scratch-herd.js'
import {
  expectKept,
  KEPT_SQL,
  SESSION_LOAD_TABLE,
  type SessionLoad,
  startSessionLoad,
} from './session-load.js'

/** How often the primary is killed. */
const FAILOVERS = Number(process.env.PGHERD_CLIENT_FAILOVERS ?? 4)
const SWITCHOVERS = Number(process.env.PGHERD_CLIENT_SWITCHOVERS ?? 4)
const EACH_MS = 60_000

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 3, durability: zero-loss }]')
  nodes = await nodesOfHerd(herd)
}, 120_000)

async function startLoad(): Promise<{ pool: Pool; load: SessionLoad }> {
  const pool = scratchPool({ nodes })
  await pool.query(`drop table if exists entries; ${SESSION_LOAD_TABLE}`)
  const load = startSessionLoad(pool, scratchPool({ nodes }))
  await load.more(20)
  load.takeLongest()
  return { pool, load }
}

/** What the primary has when all is over, asked without the client. */
async function expectAllKept(load: SessionLoad): Promise<void> {
  const admin = await connect(herd.dsn(herd.primaryOf()?.name, 'superuser'))
  expectKept(load, (await admin.query(KEPT_SQL)).rows)
}

function describeLoad(load: SessionLoad, pool: Pool, pauses: { writeMs: number; readMs: number }[]): string {
  const range = (of: number[]): string => {
    const sorted = of.map(Math.round).sort((a, b) => a - b)
    return `${sorted[0]} to ${sorted.at(-1)} ms, median ${sorted[Math.floor(sorted.length / 2)]} ms`
  }
  const unknown = load.ledgers.reduce((sum, ledger) => sum + ledger.unknown.length, 0)
  const { standby, primary } = pool.statistics.statements
  return [
    `${load.written} writes and ${load.read} reads answered, ${unknown} writes unknown, ${load.stale.length} reads stale`,
    `longest write: ${range(pauses.map(({ writeMs }) => writeMs))}; longest read: ${range(pauses.map(({ readMs }) => readMs))}`,
    `reads by standbys ${standby.lane + standby.own}, by the primary ${primary.lane}`,
  ].join('\n  ')
}

test('I1, I3, I4: failovers under writers and readers lose, repeat and hide nothing, and are no error to anybody', {
  timeout: 60_000 + FAILOVERS * EACH_MS,
}, async () => {
  const { pool, load } = await startLoad()
  const pauses: { writeMs: number; readMs: number }[] = []
  for (let at = 0; at < FAILOVERS; at++) {
    const killed = herd.primaryOf()?.name as string
    await herd.disturb(killed, 'kill')
    await until('another is primary', () => ![killed, undefined].includes(herd.primaryOf()?.name))
    await load.more(10)
    pauses.push(load.takeLongest())
    await herd.whenWhole(PATIENCE_MS)
    await load.more(20)
    load.takeLongest()
  }
  await load.stop()
  console.log(`${FAILOVERS} failovers: ${describeLoad(load, pool, pauses)}`)
  expect(load.errors).toEqual([])
  expect(load.stale).toEqual([])
  await expectAllKept(load)
  expect(pool.statistics.failovers).toBe(FAILOVERS)
  const { lane, own } = pool.statistics.statements.standby
  expect(lane + own).toBeGreaterThan(load.read / 20)
  // Each writer has one write under way at most when the primary is killed.
  for (const { unknown } of load.ledgers) expect(unknown.length).toBeLessThanOrEqual(FAILOVERS)
})

test('a switchover under writers and readers is no error to anybody, and undoes nothing', {
  timeout: 60_000 + SWITCHOVERS * EACH_MS,
}, async () => {
  const { pool, load } = await startLoad()
  const pauses: { writeMs: number; readMs: number }[] = []
  for (let at = 0; at < SWITCHOVERS; at++) {
    await herd.switchover('main')
    await load.more(10)
    pauses.push(load.takeLongest())
    await herd.whenWhole(PATIENCE_MS)
    await load.more(20)
    load.takeLongest()
  }
  await load.stop()
  console.log(`${SWITCHOVERS} switchovers: ${describeLoad(load, pool, pauses)}`)
  expect(load.errors).toEqual([])
  expect(load.stale).toEqual([])
  // A session that is let go as idle may have got a write at that very moment. If it had come as far as to
  // wait for a standby, it is said to be on the primary, and an orderly handover leaves none of that behind.
  const unknown = load.ledgers.flatMap(({ writer, unknown, said }) =>
    unknown.map((entry, at) => ({ writer, entry, said: said[at] as string })),
  )
  expect(unknown.length).toBeLessThanOrEqual(SWITCHOVERS)
  const { rows } = await (await connect(herd.dsn(herd.primaryOf()?.name, 'superuser'))).query(KEPT_SQL)
  for (const { writer, entry, said } of unknown)
    if (said.includes('it was committed on the primary'))
      expect(rows).toContainEqual({ writer, entry, times: 1 })
  expectKept(load, rows)
  expect(pool.statistics.failovers).toBe(SWITCHOVERS)
})

test('a standby that is promoted takes writes on the connections it was read on', {
  timeout: 120_000,
}, async () => {
  const pool = scratchPool({ nodes, failoverWaitMs: 20_000 })
  await pool.query('create table if not exists read_before (n int)')
  // Idle connections on every standby: a server says that it was promoted with its next answer only.
  await until('each standby has idle connections', async () => {
    const readers = await Promise.all([1, 2, 3, 4].map(() => pool.connect({ readOnly: true })))
    for (const reader of readers) reader.release()
    const { nodes: counts } = pool.statistics
    return Object.values(pool.topology.nodes).every(
      ({ name, role }) => role === 'primary' || (counts[name]?.idle ?? 0) > 0,
    )
  })
  const before = herd.primaryOf()?.name as string
  await herd.disturb(before, 'kill')
  await until('another is primary', () => ![before, undefined].includes(herd.primaryOf()?.name))
  // A connection that takes no writes would be tried until failoverWaitMs have passed, and that be told.
  await Promise.all([
    pool.query('insert into read_before values (1)'),
    pool.transaction((tx) => tx.query('insert into read_before values (2)')),
    pool
      .connect()
      .then((client) => client.query('insert into read_before values (3)').finally(() => client.release())),
  ])
  expect((await pool.query('select n from read_before order by n')).rows).toEqual([
    { n: 1 },
    { n: 2 },
    { n: 3 },
  ])
  await herd.whenWhole(PATIENCE_MS)
})
