import { afterAll, beforeAll, expect, test } from 'vitest'
import { isKept, type LoadReport } from '../../src/load/load-report.js'
import { writeMarkdown } from '../../src/load/report/write-markdown.js'
import { writePage } from '../../src/load/report/write-page.js'
import { runLoad } from '../../src/load/run-load.js'
import { openScratchUsers, type ScratchUsers, SHARDS } from '../users/scratch-users.js'

let scratch: ScratchUsers
let report: LoadReport

beforeAll(async () => {
  scratch = await openScratchUsers('users-load', { s1: 3 })
  const { herd, pool } = scratch
  report = await runLoad(
    {
      dsn: herd.dsn(),
      wasRunning: true,
      control: {
        topology: () => herd.status(),
        chaos: async (node, action) => {
          await herd.disturb(node, action)
          return herd.status()
        },
      },
    },
    pool,
    { seconds: 3, callers: 6, signal: new AbortController().signal, tell: () => {} },
  )
}, 120_000)

afterAll(() => scratch?.close())

test('every primary is written to, over one shard and over two', () => {
  const { oneShard, twoShards, byShard } = report.writes
  expect(byShard.map(({ shard }) => shard)).toEqual(SHARDS)
  for (const { writes } of byShard) expect(writes).toBeGreaterThan(0)
  expect([oneShard.failed, twoShards.failed]).toEqual([0, 0])
  expect(twoShards.done).toBeGreaterThan(0)
})

test('standbys answer what they are asked, and share it', () => {
  const { users } = report.reads
  expect(users.byNode.map(({ node }) => node)).toEqual(['s1-2', 's1-3'])
  for (const { reads } of users.byNode) expect(reads).toBeGreaterThan(0)
  expect(users.answered.standby).toBeGreaterThan(0)
})

test('the lag of each standby is measured while there are writes', () => {
  expect(report.lag.writes.done).toBeGreaterThan(0)
  expect(report.lag.standbys.map(({ node }) => node)).toEqual(['s1-2', 's1-3'])
  for (const { replayMs } of report.lag.standbys) expect(replayMs?.median).toBeGreaterThan(0)
})

test('I1: the shard whose primary is killed goes on, and nothing acknowledged is lost', () => {
  const { failover } = report
  expect(failover).toMatchObject({ killed: 's1-1', shard: 's1', lost: 0, contradicted: 0 })
  expect(failover.pauseMs).not.toBeNull()
  expect(failover.acknowledged).toBe(
    failover.slices.reduce((sum, { there, elsewhere }) => sum + there + elsewhere, 0),
  )
  expect(isKept(report)).toBe(true)
  expect(isKept({ ...report, failover: { ...failover, lost: 1 } })).toBe(false)
})

test('modulo moves most keys when a shard comes, and consistent hashing hardly more than it must', () => {
  const moved = report.strategies.strategies.map(({ changes }) => changes[0]?.movedShare as number)
  expect(moved[0]).toBeCloseTo(0.2, 1)
  expect(moved[1]).toBeCloseTo(0.8, 1)
})

test('a single database does the same beside the herd', () => {
  const { writes, reads, failover } = report.single
  for (const { herd, single, ratio } of [writes, reads])
    expect(ratio).toBeCloseTo(herd.perSecond / single.perSecond)
  expect(failover).toMatchObject({ killed: 'main-1', shards: 1, lost: 0 })
})

test('the users of the load are gone afterwards, with what was written of them', async () => {
  for (const shard of SHARDS)
    expect(await scratch.ask(shard, 'select 1 from users union all select 1 from outbox')).toEqual([])
})

test('the report is a page that asks nobody for anything, and a text with the same tables', () => {
  const [page, text] = [writePage(report), writeMarkdown(report)]
  for (const part of 'abcdef') {
    expect(page).toContain(`<h2>(${part}) `)
    expect(text).toContain(`\n## (${part}) `)
  }
  expect(page).not.toMatch(/https?:|<script|src=|href=|url\(|@import/)
  expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(8)
  expect(page + text).not.toMatch(/NaN|undefined|Infinity|null/)
  expect(text).toContain('2 cores'.replace('2', String(report.machine.cores)))
})
